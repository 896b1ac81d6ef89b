#pragma once
// Writes what an agent sees into the store: unit states and heartbeats, on change and before their TTL runs out. One
// thread. Throws base::Error when the store does not answer; what was not written is written the next time.

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sched/registry.h"

namespace sched {

class Publisher {
 public:
  // References must outlive the publisher.
  Publisher(Registry& registry, std::string machine_id, std::chrono::seconds ttl, const base::Clock& clock);

  void publish(const std::vector<UnitState>& states, const std::set<std::string>& launched);

 private:
  using Time = base::Clock::Time;
  struct Published {
    UnitState state;
    Time at;
  };
  void publish_states(const std::vector<UnitState>& states);
  void publish_heartbeats(const std::set<std::string>& launched);
  bool is_fresh(Time at) const;

  Registry& registry_;
  std::string machine_id_;
  std::chrono::seconds ttl_;
  const base::Clock& clock_;
  std::map<std::string, Published> states_;
  std::map<std::string, Time> heartbeats_;
};

}  // namespace sched
