#pragma once
// Where units run. Pure: a snapshot in, decisions out; the engine carries them out with conditional writes.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/model.h"

namespace sched {

// A machine and what is to run on it.
struct MachineLoad {
  Machine machine;
  std::map<std::string, const Unit*> units;  // by name; scheduled ones and the global ones that fit
};

// Why the unit cannot run on the machine, beside what runs there; nothing when it can. The unit itself, when it is
// already there, does not count.
std::optional<std::string> obstacle(const Unit& unit, const MachineLoad& load);

struct Snapshot {
  std::vector<Unit> units;        // sorted by name
  std::vector<Machine> machines;  // sorted by id
  // The store was out of reach, or we lead since a moment ago: machines that are missing may only be late, so what they
  // run stays where it is.
  bool machines_may_be_late = false;
};

struct Decision {
  enum class Kind { kUnschedule, kSchedule };
  Kind kind;
  std::string unit;
  std::string machine_id;
  std::string reason;
  bool operator==(const Decision&) const = default;
};

// Unscheduling comes first; the fewest units first, then the lowest id, gets a new one.
std::vector<Decision> plan(const Snapshot& snapshot);

// What the machine's agent has to run: units scheduled to it, and global units that fit. Sorted by name.
std::vector<const Unit*> units_for(const Machine& machine, const std::vector<Unit>& units);

// Why a unit that should run is not scheduled, a line a machine (or one line when there is no machine).
std::vector<std::string> explain(const std::string& unit, const Snapshot& snapshot);

}  // namespace sched
