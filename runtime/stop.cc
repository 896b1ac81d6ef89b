#include "runtime/stop.h"

#include <signal.h>

#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "runtime/event_log.h"
#include "runtime/service.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr int kSettleMilliseconds = 15000;  // until a killed container's end is written down

StateStore settled_store(const Machine& machine) {
  settle(machine);
  return StateStore(machine.state);
}

int stop(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  StateStore store = settled_store(machine);
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    stop_container(machine, state, stop_seconds(invocation, state));
    std::printf("%s\n", name.c_str());
  }
  return 0;
}

int kill_command(const base::Invocation& invocation) {
  StateStore store = settled_store(machine_of(invocation));
  int signal = signal_by_name(invocation.get("signal"));
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    if (state.status != Status::kRunning) throw base::Error("container", state.name, "it is not running");
    signal_process(state.pid, state.start_time, signal);
    record_event(store, state, "kill", {{"signal", signal}});
    std::printf("%s\n", name.c_str());
  }
  return 0;
}

int rm(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  StateStore store = settled_store(machine);
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    if (is_active(state)) {
      if (!invocation.flag("force")) {
        throw base::Error("remove", name, "it is " + std::string(status_name(state.status)) + " (stop it, or --force)");
      }
      stop_container(machine, state, 0);
    }
    if (invocation.flag("volumes")) {
      remove_with_volumes(machine, state.id);
    } else {
      remove_container(machine, state.id);
    }
    std::printf("%s\n", name.c_str());
  }
  return 0;
}

int wait(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  StateStore store = settled_store(machine);
  for (const std::string& name : invocation.arguments) {
    std::string id = store.find(name).id;
    do {
      wait_until_settled(store, id, -1);
      settle(machine);
      std::optional<ContainerState> state = store.load(id);
      if (!state) throw base::Error("wait for", name, "it was removed when it ended");
      if (is_active(*state)) continue;
      std::printf("%d\n", state->exit_code);
      break;
    } while (true);
  }
  return 0;
}

void end_and_settle(const Machine& machine, const ContainerState& state, std::uint64_t seconds) {
  StateStore store(machine.state);
  if (state.keeper == Keeper::kSystemd) return stop_service(machine, state, seconds);
  if (seconds > 0) {
    signal_process(state.pid, state.start_time, signal_by_name(state.stop_signal));
    if (wait_until_settled(store, state.id, static_cast<int>(seconds) * 1000)) return settle(machine);
  }
  signal_process(state.pid, state.start_time, SIGKILL);
  if (!wait_until_settled(store, state.id, kSettleMilliseconds)) {
    throw base::Error("stop", state.name, "it was killed, but its processes have not ended");
  }
  settle(machine);
}

}  // namespace

base::Option stop_time_option() {
  return {.name = "time",
          .letter = 't',
          .value = "SECONDS",
          .help = "how long it may take after its stop signal; what it was made with, or 10, otherwise"};
}

std::uint64_t stop_seconds(const base::Invocation& invocation, const ContainerState& state) {
  return invocation.given("time") ? invocation.number("time", 0, 86400) : state.stop_timeout;
}

void stop_container(const Machine& machine, const ContainerState& state, std::uint64_t seconds) {
  StateStore store(machine.state);
  if (!is_active(state)) return;
  store.edit(state.id, [](ContainerState& stopped) { stopped.stop_requested = true; });
  end_and_settle(machine, state, seconds);
  record_event(store, state, "stop");
}

std::vector<base::Command> stop_commands() {
  return {
      {.name = "stop",
       .arguments = "CONTAINER...",
       .summary = "ask a container to end, then end it",
       .options = {stop_time_option()},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = stop},
      {.name = "kill",
       .arguments = "CONTAINER...",
       .summary = "send a container a signal",
       .options = {{.name = "signal", .letter = 's', .value = "SIGNAL", .help = "which one", .fallback = "KILL"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = kill_command},
      {.name = "rm",
       .arguments = "CONTAINER...",
       .summary = "remove a container with all that it wrote",
       .options = {{.name = "force", .letter = 'f', .help = "kill it first when it runs"},
                   {.name = "volumes", .letter = 'v', .help = "with its volumes that have no name of their own"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = rm},
      {.name = "wait",
       .arguments = "CONTAINER...",
       .summary = "wait until containers have ended, and print their exit codes",
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = wait},
  };
}

}  // namespace runtime
