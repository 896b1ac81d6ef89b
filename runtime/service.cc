// The unit is Type=forking: `container unit-launch` sets everything up from the container's files, writes the pid file
// and exits, so that the container's first process becomes a child of PID 1. Only when systemd knows it as the unit's
// main process does `unit-start` (ExecStartPost=) let it execute the application: one that ends at once would be lost
// before systemd has looked at it. Its cgroup is delegated, with the application one level
// below, since a cgroup with processes in it can have no controllers enabled for others (cgroup-v2.rst, "No Internal
// Process Constraint"). `unit-ended` is ExecStopPost=, which systemd runs whatever way the application ended.
// Nobody takes the container's lock in there: systemd runs one of these at a time, and whoever asked for the start
// holds the lock until it has succeeded or failed.

#include "runtime/service.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/systemd.h"
#include "base/text.h"
#include "runtime/cgroup_scope.h"
#include "runtime/event_log.h"
#include "runtime/health_keeper.h"
#include "runtime/own_program.h"
#include "runtime/pod_member.h"
#include "runtime/start_gate.h"
#include "runtime/supervisor.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

using std::chrono::milliseconds;

constexpr const char* kSlice = "machine.slice";
constexpr milliseconds kStartTime{100000};       // longer than systemd gives a start
constexpr std::uint64_t kLeastStopSeconds = 10;  // `unit-ended` gets as long as the application does
constexpr int kKilledMilliseconds = 15000;
constexpr milliseconds kUnitGone{10000};
constexpr std::uint64_t kBarrierMicroseconds = 5000000;
constexpr milliseconds kPortsClosed{5000};

base::TransientService service_for(const Machine& machine, const ContainerState& state, std::size_t ports) {
  RestartPolicy policy = parse_restart_policy(state.restart_policy);
  base::TransientService service;
  service.name = unit_of(state.id);
  service.slice = kSlice;
  service.description = "Container " + state.name + " (" + state.image + ")";
  service.type = "forking";
  service.pid_file = StateStore(machine.state).path_of(state.id, "pid");
  service.start = {unit_command(machine, "unit-launch", state.id)};
  service.start_post = {unit_command(machine, "unit-start", state.id)};
  service.stop_post = {unit_command(machine, "unit-ended", state.id)};
  service.log_identifier = "container@" + state.id;
  service.delegate = true;
  service.stored_files = static_cast<unsigned>(ports);
  if (policy.kind != RestartPolicy::Kind::kNo) service.restart = "always";
  service.restart_after_success = policy.kind != RestartPolicy::Kind::kOnFailure;
  service.restart_delay = milliseconds(kRestartMilliseconds);
  if (policy.retries > 0) service.starts = policy.retries + 1;
  service.kill_signal = signal_by_name(state.stop_signal);
  service.kill_mode = "mixed";
  service.stop_timeout = std::chrono::seconds(std::max(state.stop_timeout, kLeastStopSeconds));
  return service;
}

// An earlier start's unit may be ending still: its name is free when it has.
void wait_until_unit_is_gone(base::Systemd& systemd, const std::string& unit) {
  auto deadline = std::chrono::steady_clock::now() + kUnitGone;
  for (;;) {
    std::string active = systemd.status(unit).active_state;
    if (active == "inactive" || active == "failed") return;
    if (std::chrono::steady_clock::now() >= deadline) throw base::Error("start", unit, "it is " + active + " already");
    poll(nullptr, 0, 10);
  }
}

// A unit that has gone meanwhile is stopped.
void stop_unit(base::Systemd& systemd, const std::string& unit, milliseconds timeout) {
  try {
    systemd.stop(unit, timeout);
  } catch (const base::Error&) {
    std::string active = systemd.status(unit).active_state;
    if (active != "inactive" && active != "failed") throw;
  }
}

// The unit's own cgroup, relative to the mount, from within.
std::string own_cgroup() {
  for (const std::string& line : base::split(base::read_file("/proc/self/cgroup"), '\n')) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  throw base::Error("read", "/proc/self/cgroup", "there is no cgroup v2");
}

// Leaves the unit's own directory to itself, and plans the container's below.
CgroupPlan move_aside(const std::string& id) {
  CgroupPlan plan{.kind = CgroupPlan::Kind::kDirectory, .mount = cgroup_mount(), .path = {}};
  std::string own = plan.mount + own_cgroup();
  if (!own.ends_with("/" + unit_of(id))) {
    throw base::UsageError("unit-launch: only " + unit_of(id) + " may do this, not what runs in " + own);
  }
  base::make_directories(own + "/launch");
  base::write_knob_at(base::open_directory(own + "/launch"), "cgroup.procs", std::to_string(getpid()));
  plan.path = own + "/container";
  return plan;
}

// A stream to the journal as sd_journal_stream_fd(3) makes it, but with the unit's name, which the journal believes
// root: else it looks for the unit of a process that may have ended by then.
base::Fd journal_stream(const std::string& name, const std::string& unit, int priority) {
  base::Fd stream = connect_unix("/run/systemd/journal/stdout", SOCK_STREAM);
  base::check(shutdown(stream.get(), SHUT_RD), "connect to the journal");
  // Identifier, unit, priority; no "<N>" prefixes, no forwarding to syslog, kmsg or the console.
  base::write_all(stream, name + "\n" + unit + "\n" + std::to_string(priority) + "\n0\n0\n0\n0\n");
  return stream;
}

// systemd keeps the sockets that hold the ports, until the unit has ended (FDPOLL: an idle socket looks hung up).
void leave_with_systemd(const std::vector<base::Fd>& claims) {
  if (claims.empty()) return;
  std::vector<int> numbers;
  for (const base::Fd& claim : claims) numbers.push_back(claim.get());
  int result = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=port\nFDPOLL=0", numbers.data(),
                                      static_cast<unsigned>(numbers.size()));
  if (result > 0) result = sd_notify_barrier(0, kBarrierMicroseconds);
  if (result < 0) throw base::Error("leave the ports to", "systemd", -result);
}

bool is_free(const PublishedPort& port) {
  try {
    claim_port(port);
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

// A restart gets back what was left; it is claimed anew instead, so that start_from_files() is the same every time. The
// barrier says that systemd has read this; it closes the sockets in a process of its own (asynchronous_close), whenever
// that runs. A port that another program has taken by the deadline is the start's error.
void give_up_stored_files(const StateStore& store, const std::string& id) {
  int count = sd_listen_fds(1);
  if (count <= 0) return;
  for (int number = 0; number < count; number++) close(SD_LISTEN_FDS_START + number);
  sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=port");
  sd_notify_barrier(0, kBarrierMicroseconds);
  std::vector<PublishedPort> ports = load_request(store, id).request.ports;
  auto deadline = std::chrono::steady_clock::now() + kPortsClosed;
  while (!std::ranges::all_of(ports, is_free) && std::chrono::steady_clock::now() < deadline) poll(nullptr, 0, 5);
}

void record_failure(StateStore& store, const std::string& id, int exit_code, const std::string& text) {
  store.edit(id, [&](ContainerState& state) {
    state.error = text;
    state.exit_code = exit_code;
  });
}

int launch_in_unit(const base::Invocation& invocation) {
  const std::string& id = invocation.arguments.front();
  Machine machine = machine_of(invocation);
  StateStore store(machine.state);
  try {
    std::optional<ContainerState> state = store.load(id);
    if (state && !state->namespaces.user) protect_binary();
    protect_binary_from_ranges();
    give_up_stored_files(store, id);
    CgroupPlan plan = move_aside(id);
    state = store.load(id);
    if (!state || state->stop_requested) throw base::Error("start", id, "it was stopped meanwhile");
    store.edit(id, [](ContainerState& starting) { starting.status = Status::kStarting; });
    InitFiles files{.standard_input = base::open_file("/dev/null", O_RDONLY),
                    .standard_output = journal_stream(state->name, unit_of(id), 6),
                    .standard_error = journal_stream(state->name, unit_of(id), 3),
                    .start_socket = listen_for_start(store.path_of(id))};
    Started started = start_from_files(machine, id, plan, false, std::move(files));
    leave_with_systemd(started.claims);
    base::write_file_atomic(store.path_of(id, "pid"), std::to_string(started.launched.pid) + "\n", 0644);
    return 0;
  } catch (const StartError& error) {
    record_failure(store, id, error.exit_code(), error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    record_failure(store, id, 125, error.what());
    return 125;
  }
}

int start_in_unit(const base::Invocation& invocation) {
  const std::string& id = invocation.arguments.front();
  Machine machine = machine_of(invocation);
  StateStore store(machine.state);
  try {
    start_health_timer(machine, id);
    let_it_execute(store.path_of(id));
    store.edit(id, [](ContainerState& state) {
      state.status = Status::kRunning;
      state.started = now_text();
      state.finished.clear();
    });
    if (std::optional<ContainerState> state = store.load(id)) record_event(store, *state, "start");
    return 0;
  } catch (const StartError& error) {
    record_failure(store, id, error.exit_code(), error.what());
    return error.exit_code();
  } catch (const base::Error& error) {
    record_failure(store, id, 125, error.what());
    return 125;
  }
}

// From systemd.exec(5) "Environment Variables Set or Propagated by the Service Manager".
int exit_code_from_environment() {
  const char* kind = std::getenv("EXIT_CODE");
  const char* status = std::getenv("EXIT_STATUS");
  if (kind == nullptr || status == nullptr) return 128 + SIGKILL;
  if (std::string_view(kind) == "exited") return static_cast<int>(base::parse_unsigned(status).value_or(125));
  return 128 + signal_by_name(status);
}

int ended_in_unit(const base::Invocation& invocation) {
  const std::string& id = invocation.arguments.front();
  Machine machine = machine_of(invocation);
  StateStore store(machine.state);
  std::optional<ContainerState> state = store.load(id);
  if (!state) return 0;
  stop_health_timer(store, id);
  bool ran = state->status == Status::kRunning;
  int exit_code = ran ? exit_code_from_environment() : state->exit_code;
  Cgroup cgroup(state->cgroup);
  bool out_of_memory = ran && cgroup.exists() && cgroup.out_of_memory_killed();
  // A first start that failed is told to the one who asked for it, who is waiting.
  bool again = (ran || state->restarts > 0) && !state->stop_requested &&
               (state->restart_wanted ||
                restarts_after(parse_restart_policy(state->restart_policy), exit_code, state->restarts));
  if (!ran) store.edit(id, [](ContainerState& failed) { failed.remove_at_exit = false; });
  finish(machine, id, exit_code, out_of_memory, again);
  return 0;
}

}  // namespace

bool can_be_service() {
  return systemd_is_running() && !cgroup_mount().empty();
}

base::UnitCommand unit_command(const Machine& machine, const char* command, const std::string& id) {
  return {.file = own_program(),
          .arguments = {"container", "--root", machine.root, "--state", machine.state, "--subnet",
                        machine.subnet.text(), command, id}};
}

std::string unit_of(const std::string& id) {
  return "container-" + id + ".service";
}

void start_service(const Machine& machine, const std::string& id) {
  StateStore store(machine.state);
  RunRequest request = load_request(store, id).request;
  std::size_t ports = request.ports.size() + pod_claims(store, request.pod);
  std::unique_ptr<base::Systemd> systemd = base::connect_systemd();
  wait_until_unit_is_gone(*systemd, unit_of(id));
  std::string result = systemd->start_service(service_for(machine, store.load(id).value(), ports), kStartTime);
  if (result == "done") return;
  std::optional<ContainerState> state = store.load(id);
  // What has ended while systemd was still about to call it started is a failed start to systemd, but not to us.
  if (!state || !state->started.empty()) return;
  stop_unit(*systemd, unit_of(id), kStartTime);
  state = store.load(id);
  if (state && !state->error.empty()) throw StartError(state->exit_code, state->error);
  throw StartError(125, "start " + unit_of(id) + ": " + result);
}

void stop_service(const Machine& machine, const ContainerState& state, std::uint64_t seconds) {
  StateStore store(machine.state);
  std::unique_ptr<base::Systemd> systemd = base::connect_systemd();
  if (state.status == Status::kRestarting) {
    stop_unit(*systemd, unit_of(state.id), kStartTime);
    return settle(machine);
  }
  int wait = static_cast<int>(seconds) * 1000;
  if (seconds > std::max(state.stop_timeout, kLeastStopSeconds)) {
    // More time than the unit has: the signal is ours, and systemd is told when that is over.
    signal_process(state.pid, state.start_time, signal_by_name(state.stop_signal));
    wait_until_settled(store, state.id, wait);
    wait = 0;
  }
  stop_unit(*systemd, unit_of(state.id), milliseconds(0));
  if (wait_until_settled(store, state.id, wait)) return;
  signal_process(state.pid, state.start_time, SIGKILL);
  if (wait_until_settled(store, state.id, kKilledMilliseconds)) return;
  if (!unit_is_at_work(state.id)) return settle(machine);
  throw base::Error("stop", state.name, "it was killed, but its processes have not ended");
}

bool unit_is_at_work(const std::string& id) {
  std::string active = base::connect_systemd()->status(unit_of(id)).active_state;
  return active != "inactive" && active != "failed";
}

std::vector<base::Command> unit_commands() {
  return {
      {.name = "unit-launch",
       .arguments = "ID",
       .summary = "set a container up inside its unit (systemd executes this)",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = launch_in_unit},
      {.name = "unit-start",
       .arguments = "ID",
       .summary = "let a container's application begin (systemd executes this)",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = start_in_unit},
      {.name = "unit-ended",
       .arguments = "ID",
       .summary = "write down the end of a container's unit (systemd executes this)",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = ended_in_unit},
  };
}

}  // namespace runtime
