#include "sched/model.h"

namespace sched {
namespace {

constexpr std::size_t kShortId = 8;

}  // namespace

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::kInactive:
      return "inactive";
    case JobState::kLoaded:
      return "loaded";
    case JobState::kLaunched:
      return "launched";
  }
  return "inactive";
}

std::optional<JobState> parse_job_state(std::string_view text) {
  for (const auto state : {JobState::kInactive, JobState::kLoaded, JobState::kLaunched}) {
    if (text == to_string(state)) return state;
  }
  return std::nullopt;
}

bool matches_id(const Machine& machine, std::string_view id) {
  return machine.id == id || (id.size() == kShortId && machine.id.starts_with(id));
}

std::string machine_legend(std::string_view id, bool full) {
  if (full) return std::string(id);
  return std::string(id.substr(0, kShortId)) + "...";
}

std::string machine_legend(const Machine& machine, bool full) {
  auto legend = machine_legend(machine.id, full);
  if (!machine.public_ip.empty()) legend += "/" + machine.public_ip;
  return legend;
}

}  // namespace sched
