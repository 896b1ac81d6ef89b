#include "runtime/health_command.h"

#include <cstdio>

#include "base/error.h"
#include "runtime/health_keeper.h"
#include "runtime/health_probe.h"
#include "runtime/launch.h"
#include "runtime/service.h"

namespace runtime {
namespace {

int healthcheck(const base::Invocation& invocation) {
  if (invocation.arguments.front() != "run") {
    throw base::UsageError("healthcheck '" + invocation.arguments.front() + "': expected run");
  }
  protect_binary_from_ranges();
  Machine machine = machine_of(invocation);
  settle(machine);
  StateStore store(machine.state);
  ContainerState state = store.find(invocation.arguments.back());
  if (!state.namespaces.user) protect_binary();
  HealthCheck check = health_check_of(store, state.id);
  if (check.command.empty()) throw base::Error("container", state.name, "it has no health check (--health-cmd)");
  std::optional<Health> health = check_health(machine, state, check);
  if (!health) throw base::Error("container", state.name, "it is paused");
  bool passed = health->log.back().exit_code == 0;
  std::printf("%s\n", std::string(health_name(health->status)).c_str());
  return passed ? 0 : 1;
}

// A timer whose container is gone without its unit having said so ends itself.
int unit_health(const base::Invocation& invocation) {
  const std::string& id = invocation.arguments.front();
  Machine machine = machine_of(invocation);
  StateStore store(machine.state);
  std::optional<ContainerState> state = store.load(id);
  if (state && state->status == Status::kRunning && process_is_alive(*state)) {
    protect_binary_from_ranges();
    if (!state->namespaces.user) protect_binary();
    check_health(machine, *state, health_check_of(store, id));
  } else if (state && !unit_is_at_work(id)) {
    stop_health_timer(store, id);
  }
  return 0;
}

}  // namespace

std::vector<base::Command> health_commands() {
  return {
      {.name = "healthcheck",
       .arguments = "run CONTAINER",
       .summary = "run a container's health check at once, and print what the container is then",
       .min_arguments = 2,
       .max_arguments = 2,
       .run = healthcheck,
       .description = "The exit code is 0 when the check has passed and 1 when it has not. The result counts as any "
                      "other."},
      {.name = "unit-health",
       .arguments = "ID",
       .summary = "run a container's health check (systemd executes this)",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = unit_health},
  };
}

}  // namespace runtime
