#include "sched/session.h"

#include <algorithm>
#include <format>
#include <map>

#include "base/text.h"
#include "sched/placement.h"

namespace sched {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLastPause{250};
constexpr milliseconds kHintAfter{3000};
// A simple service counts as active from its fork on: one that ends at once must not pass for one that runs.
constexpr milliseconds kSteady{300};

// Pauses that grow: most things are done at once, the others need no haste.
class Rhythm {
 public:
  explicit Rhythm(Session& session) : session_(session), begin_(session.clock.now()) {}
  void pause() {
    session_.pause(next_);
    next_ = std::min(next_ * 2, kLastPause);
  }
  milliseconds elapsed() const { return std::chrono::duration_cast<milliseconds>(session_.clock.now() - begin_); }

 private:
  Session& session_;
  base::Clock::Time begin_;
  milliseconds next_ = kFirstPause;
};

bool has_run_out(const Rhythm& rhythm, const Patience& patience) {
  return patience.attempts > 0 && rhythm.elapsed() >= kAttempt * patience.attempts;
}

JobState state_now(Session& session, const Unit& unit) {
  const auto states = session.registry.states_of(unit.name);
  if (unit.requirements.global) return unit.desired;
  if (unit.target.empty()) return states.empty() ? JobState::kInactive : JobState::kLoaded;
  return current_state(unit, std::ranges::contains(states, unit.target, &UnitState::machine_id));
}

// Prints the unit's line and is true when it has got there.
bool has_arrived(Session& session, const std::string& name, JobState wanted) {
  const auto unit = session.registry.unit(name);
  if (!unit || state_now(session, *unit) != wanted) return false;
  auto line = std::format("Unit {} {}", name, to_string(wanted));
  if (!unit->target.empty()) line += " on " + legend_of(session, unit->target, false);
  say(session.out, line);
  return true;
}

void hint(Session& session, const std::vector<std::string>& names) {
  const Snapshot snapshot{session.registry.units(), session.registry.machines()};
  for (const auto& name : names) {
    const auto unit = std::ranges::find(snapshot.units, name, &Unit::name);
    if (unit == snapshot.units.end() || unit->requirements.global || !unit->target.empty()) continue;
    say(session.err, std::format("Unit {} is not scheduled yet; still waiting:", name));
    for (const auto& line : explain(name, snapshot)) say(session.err, "  " + line);
  }
}

bool is_at_rest(const UnitState& state) {
  return state.active == "inactive" || state.active == "failed";
}

}  // namespace

void say(std::ostream& stream, const std::string& line) {
  stream << line << '\n';
  stream.flush();
}

std::string list_text(const std::vector<std::string>& names) {
  return "[" + base::join(names, " ") + "]";
}

std::string legend_of(Session& session, const std::string& machine_id, bool full) {
  const auto machines = session.registry.machines();
  const auto machine = std::ranges::find(machines, machine_id, &Machine::id);
  return machine == machines.end() ? machine_legend(machine_id, full) : machine_legend(*machine, full);
}

bool wait_for_state(Session& session, const std::vector<std::string>& names, JobState wanted, const Patience& patience,
                    const std::string& complaint) {
  auto waiting = names;
  bool hinted = wanted == JobState::kInactive;
  Rhythm rhythm(session);
  for (;;) {
    std::erase_if(waiting, [&](const std::string& name) { return has_arrived(session, name, wanted); });
    if (waiting.empty()) return true;
    if (has_run_out(rhythm, patience)) break;
    if (!hinted && rhythm.elapsed() >= kHintAfter) {
      hint(session, waiting);
      hinted = true;
    }
    rhythm.pause();
  }
  for (const auto& name : waiting) {
    say(session.err,
        std::format("{}: timed out waiting for unit {} to report state {}", complaint, name, to_string(wanted)));
  }
  return false;
}

bool wait_until_active(Session& session, const std::vector<std::string>& names, const Patience& patience) {
  auto waiting = names;
  bool good = true;
  std::map<std::string, milliseconds> active_since;
  Rhythm rhythm(session);
  while (!waiting.empty()) {
    const bool first_attempt_over = rhythm.elapsed() >= kAttempt;
    std::erase_if(waiting, [&](const std::string& name) {
      const auto unit = session.registry.unit(name);
      const auto state = unit ? session.registry.unit_state(name, unit->target) : std::nullopt;
      if (state && state->active == "active" && state->load == "loaded")
        return rhythm.elapsed() - active_since.try_emplace(name, rhythm.elapsed()).first->second >= kSteady;
      active_since.erase(name);
      const bool hopeless = first_attempt_over && patience.attempts == 0 && (!unit || (state && is_at_rest(*state)));
      if (!hopeless && !has_run_out(rhythm, patience)) return false;
      const auto within =
          std::max<std::uint64_t>(patience.attempts, 1) * static_cast<std::uint64_t>(kAttempt.count()) / 1000;
      say(session.err, std::format("Error waiting for units: Failed to find an active unit {} within {}s{}", name,
                                   within, state ? std::format(" (it is {}, {})", state->active, state->sub) : ""));
      good = false;
      return true;
    });
    if (!waiting.empty()) rhythm.pause();
  }
  return good;
}

bool wait_until_gone(Session& session, const std::string& name, const Patience& patience) {
  Rhythm rhythm(session);
  while (!session.registry.states_of(name).empty()) {
    if (has_run_out(rhythm, patience)) {
      say(session.err, std::format("Error waiting for units: timed out waiting for unit {} to be unloaded", name));
      return false;
    }
    rhythm.pause();
  }
  return true;
}

}  // namespace sched
