#include "runtime/container_resources_commands.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_scope.h"
#include "runtime/cgroup_stats.h"
#include "runtime/event_log.h"
#include "runtime/lifecycle.h"
#include "runtime/process_table.h"
#include "runtime/resource_options.h"
#include "runtime/state.h"
#include "runtime/stats_report.h"
#include "runtime/stats_sampling.h"

namespace runtime {
namespace {

constexpr int kFreezeMilliseconds = 10000;
constexpr int kStatsMilliseconds = 1000;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

StateStore store_of(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  settle(machine);
  return StateStore(machine.state);
}

// A running container's cgroup. Throws for one that does not run, or has none.
Cgroup cgroup_of(const ContainerState& state) {
  if (state.status != Status::kRunning) throw base::Error("container", state.name, "it is not running");
  if (state.cgroup.empty()) {
    throw base::Error("container", state.name, "it has no cgroup: cgroup v2 is not mounted here");
  }
  return Cgroup(state.cgroup);
}

// --- stats

// Those that are named, else all that run.
std::vector<ContainerState> wanted_containers(const StateStore& store, const std::vector<std::string>& names) {
  std::vector<ContainerState> states;
  for (const std::string& name : names) states.push_back(store.find(name));
  if (names.empty()) states = store.list();
  std::erase_if(states, [](const ContainerState& state) { return !can_be_sampled(state); });
  return states;
}

// Reads what each uses, and adds it to its history.
std::vector<StatsReport> take_reports(const StateStore& store, const std::vector<ContainerState>& states,
                                      std::map<std::string, StatsSample>& earlier) {
  std::vector<StatsReport> reports;
  for (const ContainerState& state : states) {
    StatsReport report{.id = state.id, .name = state.name, .stats = read_stats(Cgroup(state.cgroup))};
    report.now = record_sample(store, state.id, report.stats);
    auto before = earlier.find(state.id);
    if (before != earlier.end()) report.before = before->second;
    earlier[state.id] = report.now;
    reports.push_back(std::move(report));
  }
  return reports;
}

int history(const base::Invocation& invocation, const StateStore& store) {
  if (invocation.arguments.size() != 1) throw base::UsageError("--history needs one container");
  ContainerState state = store.find(invocation.arguments.front());
  std::vector<StatsSample> samples =
      read_history(store.path_of(state.id, kHistoryFile), std::chrono::system_clock::now());
  print(invocation.flag("json") ? base::to_text(history_json(samples), 2) + "\n" : history_table(samples));
  return 0;
}

int stats(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  if (invocation.flag("history")) return history(invocation, store);
  for (const std::string& name : invocation.arguments) cgroup_of(store.find(name));
  std::map<std::string, StatsSample> earlier;
  take_reports(store, wanted_containers(store, invocation.arguments), earlier);
  for (bool first = true;; first = false) {
    poll(nullptr, 0, kStatsMilliseconds);  // a share of processor time needs two moments
    std::vector<ContainerState> states;
    try {
      states = wanted_containers(store, invocation.arguments);
    } catch (const base::Error&) {
      return 0;  // one that was named has been removed
    }
    if (!invocation.arguments.empty() && states.empty()) return 0;
    std::vector<StatsReport> reports = take_reports(store, states, earlier);
    if (invocation.flag("json")) {
      for (const StatsReport& report : reports) print(base::to_text(stats_json(report)) + "\n");
    } else {
      bool screen = isatty(STDOUT_FILENO) == 1 && !invocation.flag("no-stream");
      print((screen ? "\x1b[H\x1b[2J" : first ? "" : "\n") + stats_table(reports));
    }
    if (invocation.flag("no-stream")) return 0;
  }
}

// --- the others

int top(const base::Invocation& invocation) {
  ContainerState state = store_of(invocation).find(invocation.arguments.front());
  std::vector<ProcessRow> rows = read_processes(cgroup_of(state).processes());
  if (!invocation.flag("json")) {
    print(process_table_text(rows));
    return 0;
  }
  base::Json list = base::Json::array();
  for (const ProcessRow& row : rows) {
    list.push_back({{"pid", row.pid},
                    {"pidInside", row.inside},
                    {"parentPid", row.parent},
                    {"uid", row.uid},
                    {"cpuMicroseconds", std::chrono::microseconds(row.cpu_time).count()},
                    {"memory", row.resident},
                    {"command", row.command}});
  }
  print(base::to_text(list, 2) + "\n");
  return 0;
}

int set_frozen(const base::Invocation& invocation, bool frozen) {
  StateStore store = store_of(invocation);
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    Cgroup cgroup = cgroup_of(state);
    if (cgroup.is_frozen() == frozen) {
      throw base::Error(frozen ? "pause" : "unpause", name, frozen ? "it is paused already" : "it is not paused");
    }
    cgroup.set_frozen(frozen, kFreezeMilliseconds);
    record_event(store, state, frozen ? "pause" : "unpause");
    print(name + "\n");
  }
  return 0;
}

int pause_command(const base::Invocation& invocation) {
  return set_frozen(invocation, true);
}

int unpause(const base::Invocation& invocation) {
  return set_frozen(invocation, false);
}

void limit_running(const base::Invocation& invocation, const ContainerState& state) {
  Cgroup cgroup = cgroup_of(state);
  Resources resources;
  // What --memory-swap is added to, when the limit itself stays.
  if (invocation.given("memory-swap") && !invocation.given("memory")) {
    resources.memory_max = parse_knob_number(cgroup.read("memory.max").value_or(""));
  }
  add_resource_options(invocation, resources);
  std::string scope = scope_of(cgroup);
  if (!scope.empty()) update_scope(*base::connect_systemd(), scope, resources);
  cgroup.set_limits(resources);
}

// Written down once it holds, so that the next start has the same limits.
int update(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  if (std::ranges::none_of(resource_options(),
                           [&](const base::Option& option) { return invocation.given(option.name); })) {
    throw base::UsageError("update needs a limit, as --memory 64m");
  }
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    SavedRequest saved = load_request(store, state.id);
    add_resource_options(invocation, saved.request.resources);
    if (is_active(state)) limit_running(invocation, state);
    save_request(store, state.id, saved);
    print(name + "\n");
  }
  return 0;
}

}  // namespace

std::vector<base::Command> container_resources_commands() {
  return {
      {.name = "stats",
       .arguments = "[CONTAINER...]",
       .summary = "show what the containers that run use, every second",
       .options = {{.name = "no-stream", .help = "once"},
                   {.name = "json", .help = "as JSON, one line a container"},
                   {.name = "history", .help = "what one container used during the last hour"}},
       .max_arguments = base::kAnyNumber,
       .run = stats},
      {.name = "top",
       .arguments = "CONTAINER",
       .summary = "list a container's processes",
       .options = {{.name = "json", .help = "as JSON"}},
       .min_arguments = 1,
       .max_arguments = 1,
       .run = top},
      {.name = "pause",
       .arguments = "CONTAINER...",
       .summary = "stop all processes of a container until unpause",
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = pause_command},
      {.name = "unpause",
       .arguments = "CONTAINER...",
       .summary = "let a paused container go on",
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = unpause},
      {.name = "update",
       .arguments = "CONTAINER...",
       .summary = "change a container's limits, also while it runs",
       .options = resource_options(),
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = update},
  };
}

}  // namespace runtime
