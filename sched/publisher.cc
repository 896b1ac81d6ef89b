#include "sched/publisher.h"

namespace sched {

Publisher::Publisher(Registry& registry, std::string machine_id, std::chrono::seconds ttl, const base::Clock& clock)
    : registry_(registry), machine_id_(std::move(machine_id)), ttl_(ttl), clock_(clock) {}

bool Publisher::is_fresh(Time at) const {
  return clock_.now() - at < ttl_ / 2;
}

void Publisher::publish(const std::vector<UnitState>& states, const std::set<std::string>& launched) {
  publish_states(states);
  publish_heartbeats(launched);
}

void Publisher::publish_states(const std::vector<UnitState>& states) {
  std::set<std::string> names;
  for (const auto& state : states) {
    names.insert(state.unit);
    const auto known = states_.find(state.unit);
    const bool same = known != states_.end() && known->second.state == state;
    if (same && is_fresh(known->second.at)) continue;
    if (!same || !registry_.refresh_state(state, ttl_)) registry_.save_state(state, ttl_);
    states_[state.unit] = {state, clock_.now()};
  }
  for (auto known = states_.begin(); known != states_.end();) {
    if (names.contains(known->first)) {
      ++known;
    } else {
      registry_.remove_state(known->first, machine_id_);
      known = states_.erase(known);
    }
  }
}

void Publisher::publish_heartbeats(const std::set<std::string>& launched) {
  for (const auto& name : launched) {
    const auto known = heartbeats_.find(name);
    if (known != heartbeats_.end() && is_fresh(known->second)) continue;
    registry_.heartbeat(name, machine_id_, ttl_);
    heartbeats_[name] = clock_.now();
  }
  for (auto known = heartbeats_.begin(); known != heartbeats_.end();) {
    if (launched.contains(known->first)) {
      ++known;
    } else {
      registry_.clear_heartbeat(known->first, machine_id_);
      known = heartbeats_.erase(known);
    }
  }
}

}  // namespace sched
