#include "runtime/list_commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/cgroup.h"
#include "runtime/event_log.h"
#include "runtime/health_probe.h"
#include "runtime/launch.h"
#include "runtime/lifecycle.h"
#include "runtime/ports_json.h"

namespace runtime {
namespace {

StateStore settled_store(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  settle(machine);
  return StateStore(machine.state);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string age(const std::string& since) {
  auto time = base::parse_rfc3339(since);
  if (!time) return "";
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *time);
  return base::format_duration(std::max(seconds, std::chrono::seconds(0)));
}

bool is_paused(const ContainerState& state) {
  return state.status == Status::kRunning && !state.cgroup.empty() && Cgroup(state.cgroup).is_frozen();
}

std::string status_text(const StateStore& store, const ContainerState& state) {
  std::optional<Health> health;
  switch (state.status) {
    case Status::kRunning:
      health = load_health(store, state.id);
      return "running " + age(state.started) + (is_paused(state) ? " (paused)" : "") +
             (health ? " (" + std::string(health_name(health->status)) + ")" : "");
    case Status::kExited:
      return "exited (" + std::to_string(state.exit_code) + (state.out_of_memory ? ", out of memory" : "") + ") " +
             age(state.finished) + " ago";
    case Status::kRestarting:
      return "restarting (" + std::to_string(state.exit_code) + ") " + age(state.finished) + " ago";
    default:
      return std::string(status_name(state.status));
  }
}

std::string health_of(const StateStore& store, const ContainerState& state) {
  std::optional<Health> health = load_health(store, state.id);
  return health ? std::string(health_name(health->status)) : "none";
}

// "name=PART", "label=KEY[=VALUE]", "status=WORD", "health=WORD", "id=BEGINNING",
// "pod=NAME|BEGINNING": all filters must hold.
bool passes(const StateStore& store, const ContainerState& state, const std::string& filter) {
  std::string key = filter.substr(0, filter.find('='));
  std::string value = key.size() == filter.size() ? "" : filter.substr(key.size() + 1);
  if (!value.empty()) {
    if (key == "name") return state.name.find(value) != std::string::npos;
    if (key == "pod") return state.pod_name == value || (!state.pod.empty() && state.pod.starts_with(value));
    if (key == "id") return state.id.starts_with(value);
    if (key == "status") return value == "paused" ? is_paused(state) : status_name(state.status) == value;
    if (key == "health") return health_of(store, state) == value;
    if (key == "label") {
      std::string label = value.substr(0, value.find('='));
      auto found = state.labels.find(label);
      return found != state.labels.end() && (label == value || found->second == value.substr(label.size() + 1));
    }
  }
  throw base::UsageError("--filter '" + filter +
                         "': expected name=, id=, pod=, status=, health= or label= with a value");
}

bool is_running_machine(const ContainerState& state) {
  return state.machine && state.status == Status::kRunning;
}

// Of the machines among them that run, by id: what their inits say. Asking means joining, so first our file is made
// unreachable.
std::map<std::string, std::string> systems_of(const StateStore& store, const std::vector<ContainerState>& states) {
  std::vector<MachineToAsk> machines;
  for (const ContainerState& state : states) {
    if (!is_running_machine(state)) continue;
    std::optional<std::string> filter = base::read_file_if_exists(store.path_of(state.id, "seccomp"));
    if (filter) machines.push_back({.state = state, .filter = seccomp_from_bytes(*filter)});
  }
  if (!machines.empty()) protect_binary_from_ranges();
  std::vector<std::string> answers = ask_machines(machines);
  std::map<std::string, std::string> systems;
  for (std::size_t i = 0; i < machines.size(); i++) systems[machines[i].state.id] = answers[i];
  return systems;
}

// Empty for one that is just being made, or removed.
base::Json mounts_of(const StateStore& store, const ContainerState& state) {
  std::optional<SavedRequest> saved = find_request(store, state.id);
  return saved ? shown_mounts(saved->request) : base::Json::array();
}

// The object that `ps` and `inspect` print.
base::Json shown(const StateStore& store, const ContainerState& state) {
  base::Json json = to_json(state);
  std::optional<Health> health = load_health(store, state.id);
  json["paused"] = is_paused(state);
  json["health"] = health ? to_json(*health) : base::Json();
  json["mounts"] = mounts_of(store, state);
  return json;
}

int ps(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  std::vector<ContainerState> states = store.list();
  std::vector<std::string> filters = invocation.get_all("filter");
  bool by_status = std::ranges::any_of(filters, [](const std::string& text) { return text.starts_with("status="); });
  if (!invocation.flag("all") && !by_status) {
    std::erase_if(states, [](const ContainerState& state) { return !is_active(state); });
  }
  for (const std::string& filter : filters) {
    std::erase_if(states, [&](const ContainerState& state) { return !passes(store, state, filter); });
  }
  if (invocation.flag("json")) {
    base::Json list = base::Json::array();
    for (const ContainerState& state : states) list.push_back(shown(store, state));
    print(base::to_text(list, 2) + "\n");
    return 0;
  }
  if (invocation.flag("quiet")) {
    for (const ContainerState& state : states) print(state.id + "\n");
    return 0;
  }
  bool pods = std::ranges::any_of(states, [](const ContainerState& state) { return !state.pod.empty(); });
  base::Table table;
  std::vector<std::string> titles = {"ID", "NAME", "IMAGE", "STATUS", "ADDRESS", "PORTS", "COMMAND"};
  if (pods) titles.insert(titles.begin() + 2, "POD");
  table.add_row(std::move(titles));
  std::map<std::string, std::string> systems = systems_of(store, states);
  for (const ContainerState& state : states) {
    auto found = systems.find(state.id);
    std::string system = found == systems.end() ? "" : ", system " + found->second;
    std::vector<std::string> cells = {state.id,
                                      state.name,
                                      state.image,
                                      status_text(store, state) + system,
                                      state.address.empty() ? "-" : state.address,
                                      state.ports.empty() ? "-" : ports_text(state.ports),
                                      base::join(state.command, " ").substr(0, 40)};
    if (pods) cells.insert(cells.begin() + 2, state.pod_name.empty() ? "-" : state.pod_name);
    table.add_row(std::move(cells));
  }
  print(table.text());
  return 0;
}

int inspect(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  std::vector<ContainerState> states;
  for (const std::string& name : invocation.arguments) states.push_back(store.find(name));
  std::map<std::string, std::string> systems = systems_of(store, states);
  base::Json list = base::Json::array();
  for (const ContainerState& state : states) {
    base::Json json = shown(store, state);
    Cgroup cgroup(state.cgroup);
    base::Json usage = base::Json::object();
    for (const char* knob : {"memory.current", "memory.max", "pids.current", "pids.max", "cpu.max"}) {
      if (state.cgroup.empty()) break;
      if (auto text = cgroup.read(knob)) usage[knob] = std::string(base::trim(*text));
    }
    json["cgroupFiles"] = usage;
    if (auto found = systems.find(state.id); found != systems.end()) json["system"] = found->second;
    list.push_back(json);
  }
  print(base::to_text(list, 2) + "\n");
  return 0;
}

int port(const base::Invocation& invocation) {
  ContainerState state = settled_store(invocation).find(invocation.arguments.front());
  if (invocation.flag("json")) {
    print(base::to_text(to_json(state).at("ports"), 2) + "\n");
    return 0;
  }
  for (const PublishedPort& port : state.ports) {
    print(std::to_string(port.container_port) + (port.protocol == Protocol::kTcp ? "/tcp" : "/udp") +
          " -> 0.0.0.0:" + std::to_string(port.host_port) + "\n");
  }
  return 0;
}

int rename_command(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  const std::string& name = invocation.arguments.back();
  if (!is_valid_id(name)) {
    throw base::UsageError("rename '" + name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  ContainerState state = store.find(invocation.arguments.front());
  store.rename(state.id, name);
  std::string old_name = std::exchange(state.name, name);
  record_event(store, state, "rename", {{"oldName", old_name}});
  return 0;
}

}  // namespace

std::vector<base::Command> list_commands() {
  return {
      {.name = "ps",
       .arguments = "",
       .summary = "list the containers that run",
       .options = {{.name = "all", .letter = 'a', .help = "those that do not run, too"},
                   {.name = "quiet", .letter = 'q', .help = "ids only"},
                   {.name = "filter",
                    .letter = 'f',
                    .value = "KEY=VALUE",
                    .help = "only those with this name (a part of it), id, pod, status, health or label",
                    .repeatable = true},
                   {.name = "json", .help = "as JSON"}},
       .run = ps},
      {.name = "inspect",
       .arguments = "CONTAINER...",
       .summary = "print all that is known about a container, as JSON",
       .options = {{.name = "json", .help = "as JSON, which it is anyway"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = inspect},
      {.name = "port",
       .arguments = "CONTAINER",
       .summary = "print the ports of this machine that lead to a container",
       .options = {{.name = "json", .help = "as JSON"}},
       .min_arguments = 1,
       .max_arguments = 1,
       .run = port},
      {.name = "rename",
       .arguments = "CONTAINER NAME",
       .summary = "give a container another name",
       .min_arguments = 2,
       .max_arguments = 2,
       .run = rename_command},
  };
}

}  // namespace runtime
