#include "runtime/pod_command.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <ranges>

#include "base/error.h"
#include "base/json.h"
#include "base/table.h"
#include "runtime/event_log.h"
#include "runtime/pod_create.h"
#include "runtime/pod_member.h"
#include "runtime/ports_json.h"
#include "runtime/run_command.h"
#include "runtime/stop.h"
#include "runtime/subcommand.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

using Members = std::vector<ContainerState>;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::size_t count(const Members& members, Status status) {
  return static_cast<std::size_t>(std::ranges::count(members, status, &ContainerState::status));
}

// podman's words.
std::string status_of(const Members& members) {
  std::size_t running = count(members, Status::kRunning);
  if (running > 0) return running == members.size() ? "running" : "degraded";
  if (count(members, Status::kCreated) == members.size()) return "created";
  return count(members, Status::kExited) == members.size() ? "exited" : "stopped";
}

// The object that `pod ls` and `pod inspect` print.
base::Json shown(const Pod& pod, const Members& members) {
  base::Json json = to_json(pod);
  json["status"] = status_of(members);
  json["containers"] = base::Json::array();
  for (const ContainerState& state : members) {
    json["containers"].push_back(
        {{"id", state.id}, {"name", state.name}, {"status", std::string(status_name(state.status))}});
  }
  return json;
}

int create(const base::Invocation& invocation) {
  Pod pod = pod_of(invocation);
  Machine machine = machine_of(invocation);
  settle(machine);
  print(create_pod(StateStore(machine.state), std::move(pod)) + "\n");
  return 0;
}

int list(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  settle(machine);
  StateStore store(machine.state);
  base::Json all = base::Json::array();
  base::Table table;
  table.add_row({"ID", "NAME", "STATUS", "CREATED", "CONTAINERS", "ADDRESS", "PORTS"});
  for (const Pod& pod : PodStore(store).list()) {
    Members members = pod_members(store, pod.id);
    table.add_row({pod.id, pod.name, status_of(members), pod.created, std::to_string(members.size()),
                   pod.address.empty() ? "-" : pod.address, pod.ports.empty() ? "-" : ports_text(pod.ports)});
    all.push_back(shown(pod, members));
  }
  if (invocation.flag("json")) {
    print(base::to_text(all, 2) + "\n");
  } else if (invocation.flag("quiet")) {
    for (const base::Json& pod : all) print(pod["id"].get<std::string>() + "\n");
  } else {
    print(table.text());
  }
  return 0;
}

int inspect(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  settle(machine);
  StateStore store(machine.state);
  base::Json all = base::Json::array();
  for (const std::string& name : invocation.arguments) {
    Pod pod = PodStore(store).find(name);
    all.push_back(shown(pod, pod_members(store, pod.id)));
  }
  print(base::to_text(all, 2) + "\n");
  return 0;
}

int exists(const base::Invocation& invocation) {
  StateStore store(machine_of(invocation).state);
  const std::string& text = invocation.arguments.front();
  return std::ranges::any_of(PodStore(store).list(), [&](const Pod& pod) { return pod.id == text || pod.name == text; })
             ? 0
             : 1;
}

// For the containers of each pod; all pods are looked up first. One that fails does not keep the others from it: each
// error is a line, and the exit code is that of the first.
int for_pods(const base::Invocation& invocation,
             const std::function<void(const Machine& machine, const Pod& pod, const Members& members,
                                      const std::function<void(const std::function<void()>&)>& attempt)>& action) {
  Machine machine = machine_of(invocation);
  settle(machine);
  StateStore store(machine.state);
  std::vector<Pod> pods;
  for (const std::string& name : invocation.arguments) pods.push_back(PodStore(store).find(name));
  int code = 0;
  auto attempt = [&](const std::function<void()>& one) {
    int result = reported(invocation, [&] {
      one();
      return 0;
    });
    if (code == 0) code = result;
  };
  for (std::size_t i = 0; i < pods.size(); i++) {
    int before = std::exchange(code, 0);
    action(machine, pods[i], pod_members(store, pods[i].id), attempt);
    if (code == 0) print(invocation.arguments[i] + "\n");
    if (before != 0) code = before;
  }
  return code;
}

void start_all(const Machine& machine, const Members& members,
               const std::function<void(const std::function<void()>&)>& attempt) {
  StateStore store(machine.state);
  for (const ContainerState& member : members) {
    attempt([&] {
      std::optional<ContainerState> state = store.load(member.id);
      if (state && !is_active(*state)) start_container(machine, *state);
    });
  }
}

// The youngest first: it may need the older ones.
void stop_all(const base::Invocation& invocation, const Machine& machine, const Members& members,
              const std::function<void(const std::function<void()>&)>& attempt) {
  StateStore store(machine.state);
  for (const ContainerState& member : members | std::views::reverse) {
    attempt([&] {
      // It may have ended, and have been started again, while the ones before took their time.
      std::optional<ContainerState> state = store.load(member.id);
      if (state) stop_container(machine, *state, stop_seconds(invocation, *state));
    });
  }
}

int start(const base::Invocation& invocation) {
  return for_pods(invocation, [](const Machine& machine, const Pod&, const Members& members, const auto& attempt) {
    start_all(machine, members, attempt);
  });
}

int stop(const base::Invocation& invocation) {
  return for_pods(invocation, [&](const Machine& machine, const Pod&, const Members& members, const auto& attempt) {
    stop_all(invocation, machine, members, attempt);
  });
}

int restart(const base::Invocation& invocation) {
  return for_pods(invocation, [&](const Machine& machine, const Pod&, const Members& members, const auto& attempt) {
    stop_all(invocation, machine, members, attempt);
    start_all(machine, members, attempt);
  });
}

int kill_command(const base::Invocation& invocation) {
  int signal = signal_by_name(invocation.get("signal"));
  return for_pods(invocation, [&](const Machine& machine, const Pod&, const Members& members, const auto& attempt) {
    for (const ContainerState& state : members) {
      if (state.status != Status::kRunning) continue;
      attempt([&] {
        signal_process(state.pid, state.start_time, signal);
        record_event(StateStore(machine.state), state, "kill", {{"signal", signal}});
      });
    }
  });
}

int rm(const base::Invocation& invocation) {
  return for_pods(invocation, [&](const Machine& machine, const Pod& pod, const Members&, const auto& attempt) {
    attempt([&] { remove_pod(machine, pod, invocation.flag("force")); });
  });
}

int pod(const base::Invocation& invocation) {
  static constexpr std::array<Subcommand, 10> kCommands = {{{"create", 0, 1, create},
                                                            {"ls", 0, 0, list},
                                                            {"ps", 0, 0, list},
                                                            {"inspect", 1, base::kAnyNumber, inspect},
                                                            {"exists", 1, 1, exists},
                                                            {"start", 1, base::kAnyNumber, start},
                                                            {"stop", 1, base::kAnyNumber, stop},
                                                            {"restart", 1, base::kAnyNumber, restart},
                                                            {"kill", 1, base::kAnyNumber, kill_command},
                                                            {"rm", 1, base::kAnyNumber, rm}}};
  return run_subcommand(invocation, kCommands);
}

}  // namespace

base::Command pod_command() {
  std::vector<base::Option> options = pod_create_options();
  for (const base::Option& option : std::initializer_list<base::Option>{
           {.name = "force", .letter = 'f', .help = "of rm: kill containers that run first"},
           {.name = "signal", .letter = 's', .value = "SIGNAL", .help = "of kill: which one", .fallback = "KILL"},
           {.name = "time",
            .letter = 't',
            .value = "SECONDS",
            .help = "of stop and restart: how long each container may take; what it was made with, or 10, otherwise"},
           {.name = "json", .help = "of ls: as JSON, which inspect prints anyway"},
           {.name = "quiet", .letter = 'q', .help = "of ls: ids only"}}) {
    options.push_back(option);
  }
  return with_subcommands(
      {.name = "pod",
       .arguments = "create [NAME] | ls | inspect POD... | exists POD | start POD... | stop POD... | "
                    "restart POD... | kill POD... | rm POD...",
       .summary = "containers that share network, ipc and host name",
       .options = std::move(options),
       .description =
           "`container run --pod POD` and `create --pod POD` make a pod's containers. The one that starts while none "
           "runs makes the namespaces, the others join them; each may end and start again alone. Address and ports "
           "are the pod's. rm removes the containers, too. ps is another word for ls. start, stop, restart and rm "
           "exit with 125 when a container fails; exists with 1 when there is no such pod."},
      pod);
}

}  // namespace runtime
