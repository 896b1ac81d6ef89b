#pragma once
// Who runs a container's health checks: a timer of systemd beside its unit, so that no process of ours stays, or a
// child of the process that looks after it.

#include <sys/types.h>

#include <string>

#include "runtime/health.h"
#include "runtime/lifecycle.h"

namespace runtime {

// "container-<id>-health.timer", which runs `unit-health` in a service of the same name. No error for a container
// without a check. Throws base::Error when systemd refuses.
void start_health_timer(const Machine& machine, const std::string& id);
// No error when there is none.
void stop_health_timer(const StateStore& store, const std::string& id);

// One check, and what is to be done when it is the one that makes the container unhealthy. Nothing when it is paused.
std::optional<Health> check_health(const Machine& machine, const ContainerState& state, const HealthCheck& check);

// Checks the running container for as long as this lives, in a process of its own; does nothing for one without a
// check.
class HealthKeeper {
 public:
  HealthKeeper(const Machine& machine, const std::string& id);
  HealthKeeper(const HealthKeeper&) = delete;
  HealthKeeper& operator=(const HealthKeeper&) = delete;
  ~HealthKeeper();

 private:
  pid_t pid_ = 0;
};

}  // namespace runtime
