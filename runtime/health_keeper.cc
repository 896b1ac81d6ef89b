#include "runtime/health_keeper.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/systemd.h"
#include "runtime/execute_process.h"
#include "runtime/health_probe.h"
#include "runtime/launch.h"
#include "runtime/service.h"
#include "runtime/stop.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimerStop{10000};
constexpr int kTimerTries = 50;  // an earlier start's timer may be ending still
constexpr int kTimerTryMilliseconds = 100;
constexpr int kLogLevelWarning = 4;  // systemd says more than that at each start of a service

std::string timer_of(const std::string& id) {
  return "container-" + id + "-health.timer";
}

void restart(const Machine& machine, const ContainerState& state) {
  StateStore(machine.state).edit(state.id, [](ContainerState& wanted) { wanted.restart_wanted = true; });
  if (state.keeper == Keeper::kSystemd) {
    base::connect_systemd()->job("restart", unit_of(state.id), milliseconds(0));
    return;
  }
  // The end of the container is the end of this process, too, so the keeper sees to what comes after.
  signal_process(state.pid, state.start_time, signal_by_name(state.stop_signal));
  if (wait_until_settled(StateStore(machine.state), state.id, static_cast<int>(state.stop_timeout) * 1000)) return;
  signal_process(state.pid, state.start_time, SIGKILL);
}

void act(const Machine& machine, const ContainerState& state, HealthAction action) {
  switch (action) {
    case HealthAction::kNone:
      return;
    case HealthAction::kKill:
      signal_process(state.pid, state.start_time, SIGKILL);
      return;
    case HealthAction::kStop:
      return stop_container(machine, state, state.stop_timeout);
    case HealthAction::kRestart:
      return restart(machine, state);
  }
}

// In the process of its own.
[[noreturn]] void keep_checking(const Machine& machine, const ContainerState& first, const HealthCheck& check) {
  StateStore store(machine.state);
  for (;;) {
    poll(nullptr, 0, static_cast<int>(check.interval.count()));
    try {
      std::optional<ContainerState> state = store.load(first.id);
      if (!state || state->start_time != first.start_time || !process_is_alive(*state)) _exit(0);
      check_health(machine, *state, check);
    } catch (const std::exception& error) {
      base::log_warning("container {}: health check: {}", first.id, error.what());
    }
  }
}

}  // namespace

std::optional<Health> check_health(const Machine& machine, const ContainerState& state, const HealthCheck& check) {
  bool became_unhealthy = false;
  std::optional<Health> health = probe(machine, state, check, became_unhealthy);
  if (became_unhealthy) act(machine, state, check.action);
  return health;
}

void start_health_timer(const Machine& machine, const std::string& id) {
  HealthCheck check = health_check_of(StateStore(machine.state), id);
  if (check.command.empty()) return;
  base::TransientTimer timer{.name = timer_of(id),
                             .description = "Health checks of container " + id,
                             .first = check.interval,
                             .interval = check.interval,
                             .service = {}};
  timer.service.name = "container-" + id + "-health.service";
  timer.service.description = "Health check of container " + id;
  timer.service.type = "oneshot";
  timer.service.start = {unit_command(machine, "unit-health", id)};
  timer.service.log_level_max = kLogLevelWarning;
  std::unique_ptr<base::Systemd> systemd = base::connect_systemd();
  for (int tries = 1;; tries++) {
    try {
      systemd->start_timer(timer);
      return;
    } catch (const base::Error&) {
      if (tries == kTimerTries) throw;
    }
    poll(nullptr, 0, kTimerTryMilliseconds);
  }
}

void stop_health_timer(const StateStore& store, const std::string& id) {
  if (!load_health(store, id)) return;
  std::unique_ptr<base::Systemd> systemd = base::connect_systemd();
  if (systemd->status(timer_of(id)).active_state == "active") systemd->stop(timer_of(id), kTimerStop);
}

HealthKeeper::HealthKeeper(const Machine& machine, const std::string& id) {
  StateStore store(machine.state);
  HealthCheck check = health_check_of(store, id);
  std::optional<ContainerState> state = store.load(id);
  if (check.command.empty() || !state) return;
  pid_t parent = getpid();
  pid_ = base::check(fork(), "fork");
  if (pid_ != 0) return;
  kill_when_parent_dies();
  if (getppid() != parent) _exit(0);
  close_range(STDERR_FILENO + 1, ~0U, 0);  // the lock, the ports and the pipes are the keeper's alone
  keep_checking(machine, *state, check);
}

HealthKeeper::~HealthKeeper() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  wait_for_exit(pid_);
}

}  // namespace runtime
