#pragma once
// What a command of schedctl works with. Commands print as they go and return the exit code; base::Error ends them.

#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sched/registry.h"

namespace sched {

struct Session {
  Registry& registry;
  std::ostream& out;
  std::ostream& err;
  const base::Clock& clock;
  std::function<void(std::chrono::milliseconds)> pause;  // between two looks at the store
  std::string machine_id;                                // of this machine; empty when it has none
};

// How long to wait for what was asked for.
struct Patience {
  bool block = true;
  std::uint64_t attempts = 0;  // of kAttempt each; 0: without end
};
inline constexpr std::chrono::milliseconds kAttempt{2000};

// One line on standard output or standard error, at once.
void say(std::ostream& stream, const std::string& line);

// Go's %v of a list: "[a.service b.service]".
std::string list_text(const std::vector<std::string>& names);

// The legend of a unit's machine for people: "e1cd2bcd.../172.17.8.101", or the id alone when it is not alive.
std::string legend_of(Session& session, const std::string& machine_id, bool full);

// Waits until every unit has got as far as `wanted` and says so, a line a unit. Inactive means that no machine has it
// any more. False when the patience ran out (said on standard error after `complaint`).
bool wait_for_state(Session& session, const std::vector<std::string>& names, JobState wanted, const Patience& patience,
                    const std::string& complaint);

// Waits until systemd has said for a moment that every unit is loaded and active. With endless patience a unit that has
// come to rest without being active is given up after one attempt.
bool wait_until_active(Session& session, const std::vector<std::string>& names, const Patience& patience);

// Waits until no machine reports the (destroyed) unit any more. False when the patience ran out, which was said.
bool wait_until_gone(Session& session, const std::string& name, const Patience& patience);

}  // namespace sched
