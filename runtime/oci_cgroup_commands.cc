#include "runtime/oci_cgroup_commands.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/cgroup_events.h"
#include "runtime/cgroup_scope.h"
#include "runtime/cgroup_stats.h"
#include "runtime/device_filter.h"
#include "runtime/oci_lifecycle.h"
#include "runtime/oci_resources.h"
#include "runtime/oci_run_command.h"
#include "runtime/oci_stats.h"
#include "runtime/oci_update.h"
#include "runtime/process_table.h"
#include "runtime/state.h"

namespace runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kFreezeMilliseconds = 10000;

void print_line(const base::Json& json) {
  std::string text = base::to_text(json) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

ContainerState state_of(const base::Invocation& invocation) {
  return load(store_of(invocation), invocation.arguments.front());
}

Cgroup cgroup_of(const ContainerState& state, const char* what) {
  if (state.cgroup.empty()) throw base::Error(what, state.id, "it has no cgroup: cgroup v2 is not mounted here");
  return Cgroup(state.cgroup);
}

void require_not_stopped(const ContainerState& state, const char* what) {
  if (status_of(state) == Status::kExited) throw base::Error(what, state.id, "it is stopped");
}

base::Json stats_line(const ContainerState& state, const Cgroup& cgroup) {
  return {{"type", "stats"}, {"id", state.id}, {"data", oci_stats(read_stats(cgroup))}};
}

milliseconds interval_of(const base::Invocation& invocation) {
  const std::string& text = invocation.get("interval");
  auto interval = base::parse_duration(text);
  if (!interval || *interval < milliseconds(1) || *interval > std::chrono::hours(24)) {
    throw base::UsageError("--interval '" + text + "': expected a time from 1ms to 24h, as 5s");
  }
  return std::chrono::duration_cast<milliseconds>(*interval);
}

}  // namespace

int oci_pause(const base::Invocation& invocation) {
  ContainerState state = state_of(invocation);
  if (oci_status(state) != "running") {
    throw base::Error("pause", state.id, "it is " + std::string(oci_status(state)) + ", not running");
  }
  cgroup_of(state, "pause").set_frozen(true, kFreezeMilliseconds);
  return 0;
}

int oci_resume(const base::Invocation& invocation) {
  ContainerState state = state_of(invocation);
  if (oci_status(state) != "paused") {
    throw base::Error("resume", state.id, "it is " + std::string(oci_status(state)) + ", not paused");
  }
  cgroup_of(state, "resume").set_frozen(false, kFreezeMilliseconds);
  return 0;
}

int oci_update(const base::Invocation& invocation) {
  ContainerState state = state_of(invocation);
  require_not_stopped(state, "update");
  Cgroup cgroup = cgroup_of(state, "update");
  base::Json file = base::Json::object();
  if (invocation.given("resources")) {
    const std::string& path = invocation.get("resources");
    std::string text = path == "-" ? base::read_all(base::Fd(base::check(dup(STDIN_FILENO), "read standard input")))
                                   : base::read_file(path);
    file = base::parse_json(text, path);
  }
  base::Json wanted = resources_of_options(invocation, std::move(file));
  complete_swap(wanted, cgroup.read("memory.max").value_or(""));
  Resources resources = parse_resources(ObjectReader(wanted, "linux.resources"));
  base::Fd filter;
  if (!resources.devices.empty()) {
    filter = load_device_filter(resources.devices);
    if (!filter) throw base::Error("update", "linux.resources.devices", "this kernel lets us attach no device filter");
  }
  std::string scope = scope_of(cgroup);
  if (!scope.empty()) update_scope(*base::connect_systemd(), scope, resources);
  cgroup.set_limits(resources);
  if (filter) attach_device_filter(cgroup.open(), filter);
  return 0;
}

int oci_events(const base::Invocation& invocation) {
  ContainerState state = state_of(invocation);
  require_not_stopped(state, "events");
  Cgroup cgroup = cgroup_of(state, "events");
  if (invocation.flag("stats")) {
    print_line(stats_line(state, cgroup));
    return 0;
  }
  milliseconds interval = interval_of(invocation);
  base::Fd process(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!process || !process_is_alive(state)) throw base::Error("events", state.id, "it is stopped");
  OutOfMemoryWatch watch(cgroup);
  auto next = steady_clock::now() + interval;
  for (bool ended = false; !ended;) {
    auto left = std::chrono::ceil<milliseconds>(next - steady_clock::now());
    std::array<pollfd, 2> waits = {{{.fd = process.get(), .events = POLLIN, .revents = 0},
                                    {.fd = watch.descriptor(), .events = POLLIN, .revents = 0}}};
    if (poll(waits.data(), waits.size(), static_cast<int>(std::max<long>(left.count(), 0))) < 0 && errno != EINTR) {
      base::throw_errno("wait for events");
    }
    ended = waits[0].revents != 0;
    if (watch.happened()) print_line({{"type", "oom"}, {"id", state.id}});
    if (ended || steady_clock::now() < next) continue;
    print_line(stats_line(state, cgroup));
    next = steady_clock::now() + interval;
  }
  return 0;
}

int oci_ps(const base::Invocation& invocation) {
  ContainerState state = state_of(invocation);
  Cgroup cgroup = cgroup_of(state, "ps");
  if (invocation.get("format") == "json") {
    print_line(base::Json(cgroup.processes()));
    return 0;
  }
  std::string text = process_table_text(read_processes(cgroup.processes()));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

base::Command oci_pause_command(CommandFunction run) {
  return {.name = "pause",
          .arguments = "ID",
          .summary = "stop all processes of a container until resume",
          .min_arguments = 1,
          .max_arguments = 1,
          .run = run};
}

base::Command oci_resume_command(CommandFunction run) {
  return {.name = "resume",
          .arguments = "ID",
          .summary = "let a paused container go on",
          .min_arguments = 1,
          .max_arguments = 1,
          .run = run};
}

base::Command oci_update_command(CommandFunction run) {
  return {.name = "update",
          .arguments = "ID",
          .summary = "change a container's limits while it runs",
          .options = update_options(),
          .min_arguments = 1,
          .max_arguments = 1,
          .run = run};
}

base::Command oci_events_command(CommandFunction run) {
  return {
      .name = "events",
      .arguments = "ID",
      .summary = "print what a container uses, and when it is out of memory, as lines of JSON until it ends",
      .options = {{.name = "stats", .help = "print what it uses now, and end"},
                  {.name = "interval", .value = "TIME", .help = "how often to print what it uses", .fallback = "5s"}},
      .min_arguments = 1,
      .max_arguments = 1,
      .run = run};
}

base::Command oci_ps_command(CommandFunction run) {
  return {.name = "ps",
          .arguments = "ID",
          .summary = "list a container's processes",
          .options = {{.name = "format",
                       .letter = 'f',
                       .value = "FORMAT",
                       .help = "table, or json: the process ids alone",
                       .fallback = "table",
                       .choices = {"table", "json"}}},
          .min_arguments = 1,
          .max_arguments = 1,
          .run = run};
}

}  // namespace runtime
