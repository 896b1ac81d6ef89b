#pragma once
// Carries out placement.h's plan, on the one machine that holds the lease. One thread.

#include <chrono>
#include <string>

#include "base/clock.h"
#include "sched/lease.h"
#include "sched/placement.h"
#include "sched/registry.h"

namespace sched {

class Engine {
 public:
  // After an outage every machine must get the chance to say that it is alive before what it runs is moved.
  static constexpr std::chrono::seconds kSettleTime{10};

  // References must outlive the engine.
  Engine(Registry& registry, Lease& lease, const base::Clock& clock);

  // One round. Throws base::Error when the store does not answer.
  void run();
  bool leads() const { return leads_; }

 private:
  void carry_out(const Decision& decision);

  Registry& registry_;
  Lease& lease_;
  const base::Clock& clock_;
  bool leads_ = false;
  base::Clock::Time settled_at_{};
};

}  // namespace sched
