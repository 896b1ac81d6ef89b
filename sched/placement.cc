#include "sched/placement.h"

#include <algorithm>
#include <format>

#include "base/text.h"

namespace sched {
namespace {

bool any_matches(const std::vector<std::string>& globs, const std::string& name) {
  return std::ranges::any_of(globs, [&](const std::string& glob) { return base::glob_match(glob, name); });
}

bool has_metadata(const Machine& machine, const Requirements& requirements) {
  return std::ranges::all_of(requirements.metadata, [&](const auto& wanted) {
    const auto found = machine.metadata.find(wanted.first);
    return found != machine.metadata.end() && wanted.second.contains(found->second);
  });
}

// The working copy of a snapshot: targets change as decisions are made.
class Cluster {
 public:
  explicit Cluster(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const auto& machine : snapshot.machines) loads_.emplace(machine.id, MachineLoad{machine, {}});
    for (const auto& unit : snapshot.units) {
      if (unit.requirements.global || unit.target.empty()) continue;
      targets_[unit.name] = unit.target;
      if (const auto load = loads_.find(unit.target); load != loads_.end()) load->second.units[unit.name] = &unit;
    }
    for (const auto& unit : snapshot.units) {
      if (!unit.requirements.global || unit.desired == JobState::kInactive) continue;
      for (auto& [id, load] : loads_) {
        if (!obstacle(unit, load)) load.units[unit.name] = &unit;
      }
    }
  }

  const std::map<std::string, MachineLoad>& loads() const { return loads_; }

  std::optional<std::string> target(const Unit& unit) const {
    const auto found = targets_.find(unit.name);
    if (found == targets_.end()) return std::nullopt;
    return found->second;
  }

  // Why the unit must leave its machine.
  std::optional<std::string> reason_to_leave(const Unit& unit, const std::string& machine_id) const {
    if (unit.desired == JobState::kInactive) return "target state inactive";
    const auto load = loads_.find(machine_id);
    if (load == loads_.end()) {
      if (snapshot_.machines_may_be_late) return std::nullopt;
      return std::format("target Machine({}) went away", machine_id);
    }
    if (const auto why = obstacle(unit, load->second))
      return std::format("target Machine({}) unable to run unit: {}", machine_id, *why);
    return std::nullopt;
  }

  std::optional<std::string> best_machine(const Unit& unit) const {
    const MachineLoad* best = nullptr;
    for (const auto& [id, load] : loads_) {  // in the order of ids
      if (obstacle(unit, load)) continue;
      if (best == nullptr || load.units.size() < best->units.size()) best = &load;
    }
    if (best == nullptr) return std::nullopt;
    return best->machine.id;
  }

  void unschedule(const Unit& unit) {
    if (const auto load = loads_.find(targets_[unit.name]); load != loads_.end()) load->second.units.erase(unit.name);
    targets_.erase(unit.name);
  }

  void schedule(const Unit& unit, const std::string& machine_id) {
    targets_[unit.name] = machine_id;
    loads_.at(machine_id).units[unit.name] = &unit;
  }

 private:
  const Snapshot& snapshot_;
  std::map<std::string, MachineLoad> loads_;
  std::map<std::string, std::string> targets_;
};

// Runs `pass` until it changes nothing any more: a unit that leaves or comes can make others leave or come. Each unit
// changes at most once in a pass, and never back within one phase, so this ends.
template <typename Pass>
void until_settled(Pass pass) {
  while (pass()) {
  }
}

}  // namespace

std::optional<std::string> obstacle(const Unit& unit, const MachineLoad& load) {
  const auto& wants = unit.requirements;
  if (wants.machine_id && !matches_id(load.machine, *wants.machine_id))
    return std::format("agent ID \"{}\" does not match required \"{}\"", load.machine.id, *wants.machine_id);
  if (!has_metadata(load.machine, wants)) return "local Machine metadata insufficient";
  for (const auto& peer : wants.peers) {
    if (!load.units.contains(peer)) return std::format("required peer Unit({}) is not scheduled locally", peer);
  }
  for (const auto& [name, other] : load.units) {
    if (name == unit.name) continue;
    if (any_matches(wants.conflicts, name) || any_matches(other->requirements.conflicts, unit.name))
      return std::format("found conflict with locally-scheduled Unit({})", name);
    // Two units that replace each other would chase each other for ever: that is ignored.
    if (any_matches(other->requirements.replaces, unit.name) && !any_matches(wants.replaces, name))
      return std::format("replaced by locally-scheduled Unit({})", name);
  }
  return std::nullopt;
}

std::vector<Decision> plan(const Snapshot& snapshot) {
  Cluster cluster(snapshot);
  std::vector<Decision> decisions;

  const auto unschedule = [&] {
    bool changed = false;
    for (const auto& unit : snapshot.units) {
      const auto machine_id = cluster.target(unit);
      if (!machine_id) continue;
      const auto reason = cluster.reason_to_leave(unit, *machine_id);
      if (!reason) continue;
      decisions.push_back({Decision::Kind::kUnschedule, unit.name, *machine_id, *reason});
      cluster.unschedule(unit);
      changed = true;
    }
    return changed;
  };
  const auto schedule = [&] {
    bool changed = false;
    for (const auto& unit : snapshot.units) {
      if (unit.requirements.global || unit.desired == JobState::kInactive || cluster.target(unit)) continue;
      const auto machine_id = cluster.best_machine(unit);
      if (!machine_id) continue;
      decisions.push_back({Decision::Kind::kSchedule, unit.name, *machine_id,
                           std::format("target state {} and unit not scheduled", to_string(unit.desired))});
      cluster.schedule(unit, *machine_id);
      changed = true;
    }
    return changed;
  };
  until_settled(unschedule);
  until_settled(schedule);
  return decisions;
}

std::vector<const Unit*> units_for(const Machine& machine, const std::vector<Unit>& units) {
  MachineLoad load{machine, {}};
  for (const auto& unit : units) {
    if (!unit.requirements.global && unit.target == machine.id) load.units[unit.name] = &unit;
  }
  for (const auto& unit : units) {
    if (unit.requirements.global && unit.desired != JobState::kInactive && !obstacle(unit, load))
      load.units[unit.name] = &unit;
  }
  std::vector<const Unit*> result;
  for (const auto& [name, unit] : load.units) result.push_back(unit);
  return result;
}

std::vector<std::string> explain(const std::string& name, const Snapshot& snapshot) {
  const auto unit = std::ranges::find(snapshot.units, name, &Unit::name);
  if (unit == snapshot.units.end()) return {"no such unit"};
  if (snapshot.machines.empty()) return {"no machine is registered: is schedd running anywhere?"};
  const Cluster cluster(snapshot);
  std::vector<std::string> result;
  for (const auto& [id, load] : cluster.loads()) {
    result.push_back(
        std::format("{}: {}", machine_legend(load.machine, false), obstacle(*unit, load).value_or("fits")));
  }
  return result;
}

}  // namespace sched
