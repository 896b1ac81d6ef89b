// Stopping is not waited for without end: a unit may take minutes (TimeoutStopSec=), and the others must not wait for
// it. A unit that is still stopping keeps its file; the next round asks again.
#include "sched/agent.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace sched {
namespace {

constexpr std::chrono::milliseconds kStopWait{2000};
constexpr std::chrono::milliseconds kDoNotWait{0};

struct StillStopping {};

// "start a.service", "reload unit files"
std::string text(const Step& step) {
  return std::string(to_string(step.kind)) + (step.unit.empty() ? "" : " ") + step.unit;
}

bool is_at_rest(const base::UnitStatus& status) {
  return status.active_state == "inactive" || status.active_state == "failed";
}

}  // namespace

Agent::Agent(base::Systemd& systemd, UnitDirectory& directory, std::string machine_id)
    : systemd_(systemd), directory_(directory), machine_id_(std::move(machine_id)) {}

std::map<std::string, CurrentUnit> Agent::current() {
  std::map<std::string, CurrentUnit> result;
  for (const auto& [name, hash] : directory_.hashes()) {
    auto state = directory_.remembered(name);
    if (!state) {
      // A file without a note: adopt it when it runs, else load it again.
      state = is_at_rest(systemd_.status(name)) ? JobState::kInactive : JobState::kLaunched;
      directory_.remember(name, *state);
    }
    result[name] = {hash, *state};
  }
  return result;
}

Agent::Result Agent::reconcile(const std::map<std::string, DesiredUnit>& desired) {
  auto result = Result::kDone;
  std::set<std::string> held_up;
  loaded_now_.clear();
  const auto steps = plan(desired, current());
  std::erase_if(problems_, [&](const auto& problem) {
    return std::ranges::find(steps, problem.first, &Step::unit) == steps.end();
  });
  for (const auto& step : steps) {
    if (held_up.contains(step.unit)) continue;
    try {
      carry_out(step, desired);
      base::log_info("{}: {}", text(step), step.reason);
    } catch (const StillStopping&) {
      if (result == Result::kDone) result = Result::kPending;
      held_up.insert(step.unit);
    } catch (const base::Error& error) {
      report(step, error.what());
      result = Result::kFailed;
      held_up.insert(step.unit);
      if (step.kind != StepKind::kReload) continue;
      // systemd has not read the new files: nothing of them may start, and they are loaded again next time.
      for (const auto& name : loaded_now_) directory_.remember(name, JobState::kInactive);
      held_up.insert(loaded_now_.begin(), loaded_now_.end());
    }
  }
  if (result == Result::kFailed) systemd_.system_state();  // throws when systemd itself is what does not answer
  return result;
}

void Agent::report(const Step& step, const std::string& problem) {
  auto& last = problems_[step.unit];
  if (last == problem) return;
  last = problem;
  base::log_warning("cannot {}: {}; trying again", text(step), problem);
}

void Agent::carry_out(const Step& step, const std::map<std::string, DesiredUnit>& desired) {
  switch (step.kind) {
    case StepKind::kUnload:
      return unload(step.unit);
    case StepKind::kLoad:
      return load(step.unit, *desired.at(step.unit).file);
    case StepKind::kReload:
      return reload();
    case StepKind::kStop:
      return stop(step.unit);
    case StepKind::kStart:
      systemd_.start(step.unit, kDoNotWait);
      directory_.remember(step.unit, JobState::kLaunched);
      return;
  }
}

void Agent::load(const std::string& name, const UnitFile& file) {
  directory_.remember(name, JobState::kInactive);
  directory_.write(name, file.serialize());
  const auto path = directory_.path_of(name);
  systemd_.link({path}, true);
  if (file.has_section("Install")) systemd_.enable({path}, true);
  directory_.remember(name, JobState::kLoaded);
  loaded_now_.insert(name);
}

void Agent::unload(const std::string& name) {
  try {
    systemd_.stop(name, kStopWait);
  } catch (const base::Error&) {
    // It was never loaded, or systemd has forgotten it already: its status decides.
  }
  if (!is_at_rest(systemd_.status(name))) throw StillStopping();
  systemd_.disable({name}, true);
  systemd_.reset_failed(name);
  directory_.remove(name);
  directory_.forget(name);
}

void Agent::stop(const std::string& name) {
  systemd_.stop(name, kStopWait);
  directory_.remember(name, JobState::kLoaded);
}

void Agent::reload() {
  systemd_.reload();
  loaded_now_.clear();
}

std::vector<UnitState> Agent::states() {
  const auto hashes = directory_.hashes();
  std::vector<std::string> names;
  for (const auto& [name, hash] : hashes) {
    if (directory_.remembered(name).value_or(JobState::kInactive) != JobState::kInactive) names.push_back(name);
  }
  if (names.empty()) return {};
  std::map<std::string, base::UnitStatus> statuses;
  for (auto& status : systemd_.list_units(names)) statuses[status.name] = std::move(status);
  std::vector<UnitState> result;
  for (const auto& name : names) {
    auto found = statuses.find(name);
    if (found == statuses.end()) found = statuses.emplace(name, systemd_.status(name)).first;
    const auto& status = found->second;
    result.push_back({name, machine_id_, status.load_state, status.active_state, status.sub_state, hashes.at(name)});
  }
  return result;
}

std::set<std::string> Agent::launched() const {
  std::set<std::string> result;
  for (const auto& [name, hash] : directory_.hashes()) {
    if (directory_.remembered(name) == JobState::kLaunched) result.insert(name);
  }
  return result;
}

}  // namespace sched
