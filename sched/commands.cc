#include "sched/commands.h"

#include <format>
#include <optional>

#include "sched/create.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

constexpr const char* kWaiting = "Error waiting for units";

// Asks for the state and sorts out what is to be waited for. Nothing after an error that was printed.
std::optional<std::vector<std::string>> ask_for(Session& session, const Arguments& arguments, JobState state,
                                                std::string_view verb, std::string_view doing) {
  std::vector<std::string> asked;
  for (const auto& argument : arguments) {
    const auto name = mangle_unit_name(argument);
    const auto unit = session.registry.unit(name);
    const auto parsed = parse_unit_name(name);
    if (!unit || (parsed && parsed->is_template())) {
      const auto reason =
          unit ? std::format("cannot activate template \"{}\"", name) : std::format("unable to find unit {}", name);
      say(session.err, std::format("Error {} units: {}", doing, reason));
      return std::nullopt;
    }
    if (unit->desired == state) continue;
    session.registry.set_desired(name, state);
    if (unit->requirements.global) {
      say(session.out, std::format("Triggered global unit {} {}", name, verb));
    } else {
      asked.push_back(name);
    }
  }
  return asked;
}

// Waits for the state, or says that nobody waits.
bool wait_or_say(Session& session, const std::vector<std::string>& names, JobState state, std::string_view verb,
                 const Patience& patience) {
  if (patience.block) return wait_for_state(session, names, state, patience, kWaiting);
  for (const auto& name : names) say(session.out, std::format("Triggered unit {} {}", name, verb));
  return true;
}

bool no_units_given(Session& session, const Arguments& arguments) {
  if (arguments.empty()) say(session.err, "No units given");
  return arguments.empty();
}

// The units of the store among the arguments; says which are not there.
std::vector<Unit> find_units(Session& session, const Arguments& arguments) {
  std::vector<Unit> found;
  std::vector<std::string> missing;
  for (const auto& argument : arguments) {
    const auto name = mangle_unit_name(argument);
    if (auto unit = session.registry.unit(name)) {
      found.push_back(std::move(*unit));
    } else {
      missing.push_back(name);
    }
  }
  if (found.empty()) {
    say(session.err, "Units not found in registry");
  } else {
    for (const auto& name : missing) say(session.err, std::format("Unit {} not found", name));
  }
  return found;
}

JobState state_of(Session& session, const Unit& unit) {
  return current_state(unit, session.registry.unit_state(unit.name, unit.target).has_value());
}

int report(Session& session, bool good, std::string_view past, std::string_view verb,
           const std::vector<std::string>& names) {
  say(session.err, good ? std::format("Successfully {} units {}.", past, list_text(names))
                        : std::format("Failed to {} units {}. exit == 1.", verb, list_text(names)));
  return good ? 0 : 1;
}

}  // namespace

int submit_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  return create_units(session, arguments, {"submit", replace, patience}) ? 0 : 1;
}

int load_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  if (!create_units(session, arguments, {"load", replace, patience})) return 1;
  const auto loading = ask_for(session, arguments, JobState::kLoaded, "load", "loading");
  if (!loading) return 1;
  return wait_or_say(session, *loading, JobState::kLoaded, "load", patience) ? 0 : 1;
}

int start_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  if (!create_units(session, arguments, {"start", replace, patience})) return 1;
  const auto starting = ask_for(session, arguments, JobState::kLaunched, "start", "starting");
  if (!starting) return 1;
  if (!wait_or_say(session, *starting, JobState::kLaunched, "start", patience)) return 1;
  return !patience.block || wait_until_active(session, *starting, patience) ? 0 : 1;
}

int stop_units(Session& session, const Arguments& arguments, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  std::vector<std::string> stopping;
  for (const auto& unit : find_units(session, arguments)) {
    const auto state = unit.requirements.global ? unit.desired : state_of(session, unit);
    if (state == JobState::kInactive) {
      say(session.err, std::format("Unable to stop unit {} in state {}", unit.name, to_string(state)));
      return 1;
    }
    if (state == JobState::kLoaded && unit.desired == JobState::kLoaded) continue;
    session.registry.set_desired(unit.name, JobState::kLoaded);
    if (unit.requirements.global) {
      say(session.out, std::format("Triggered global unit {} stop", unit.name));
    } else {
      stopping.push_back(unit.name);
    }
  }
  if (stopping.empty()) return 0;
  return report(session, wait_or_say(session, stopping, JobState::kLoaded, "stop", patience), "stopped", "stop",
                stopping);
}

int unload_units(Session& session, const Arguments& arguments, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  std::vector<std::string> unloading;
  for (const auto& unit : find_units(session, arguments)) {
    if (unit.desired == JobState::kInactive && unit.target.empty()) continue;
    session.registry.set_desired(unit.name, JobState::kInactive);
    if (unit.requirements.global) {
      say(session.out, std::format("Triggered global unit {} unload", unit.name));
    } else {
      unloading.push_back(unit.name);
    }
  }
  if (unloading.empty()) return 0;
  return report(session, wait_or_say(session, unloading, JobState::kInactive, "unload", patience), "unloaded", "unload",
                unloading);
}

int restart_units(Session& session, const Arguments& arguments, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  std::vector<std::string> restarting;
  for (const auto& unit : find_units(session, arguments)) {
    if (unit.requirements.global) {
      say(session.err, std::format("Unable to restart global unit {}", unit.name));
      return 1;
    }
    if (const auto state = state_of(session, unit); state != JobState::kLaunched) {
      say(session.err, std::format("Unable to restart unit {} in state {}", unit.name, to_string(state)));
      return 1;
    }
    restarting.push_back(unit.name);
  }
  if (restarting.empty()) return 0;
  const auto go = [&](JobState state) {
    for (const auto& name : restarting) session.registry.set_desired(name, state);
    return wait_for_state(session, restarting, state, patience, kWaiting);
  };
  const bool good =
      go(JobState::kLoaded) && go(JobState::kLaunched) && wait_until_active(session, restarting, patience);
  return report(session, good, "restarted", "restart", restarting);
}

int destroy_units(Session& session, const Arguments& arguments, const Patience& patience) {
  if (no_units_given(session, arguments)) return 2;
  int result = 0;
  for (const auto& unit : find_units(session, arguments)) {
    session.registry.destroy_unit(unit.name);
    if (patience.block && !wait_until_gone(session, unit.name, patience)) result = 1;
    say(session.out, std::format("Destroyed {}", unit.name));
  }
  return result;
}

}  // namespace sched
