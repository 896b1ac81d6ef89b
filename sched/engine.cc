#include "sched/engine.h"

#include "base/error.h"
#include "base/log.h"

namespace sched {

Engine::Engine(Registry& registry, Lease& lease, const base::Clock& clock)
    : registry_(registry), lease_(lease), clock_(clock) {}

void Engine::run() {
  const bool led = leads_;
  leads_ = false;  // until this round has shown that it is still so
  if (!lease_.hold()) {
    if (led) base::log_info("engine: another machine leads now");
    return;
  }
  Snapshot snapshot;
  if (!led) {
    settled_at_ = clock_.now() + kSettleTime;
    registry_.client().put(registry_.key("engine/version"), std::to_string(kEngineVersion));
  }
  snapshot.machines_may_be_late = clock_.now() < settled_at_;
  snapshot.units = registry_.units();
  snapshot.machines = registry_.machines();
  for (const auto& decision : plan(snapshot)) carry_out(decision);
  leads_ = true;
}

void Engine::carry_out(const Decision& decision) {
  const bool schedule = decision.kind == Decision::Kind::kSchedule;
  const bool done = schedule ? registry_.schedule(decision.unit, decision.machine_id)
                             : registry_.unschedule(decision.unit, decision.machine_id);
  base::log_info("engine: {} {} {} {}: {}{}", schedule ? "schedule" : "unschedule", decision.unit,
                 schedule ? "to" : "from", machine_legend(decision.machine_id, false), decision.reason,
                 done ? "" : " (changed meanwhile, left alone)");
}

}  // namespace sched
