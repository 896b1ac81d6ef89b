// The check runs as any `exec` does, in a child of ours, so that one which takes too long can be ended whatever it
// does: all that it has started is in a cgroup below the container's, which is killed as a whole.

#include "runtime/health_probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "runtime/event_log.h"
#include "runtime/exec.h"
#include "runtime/execute_process.h"
#include "runtime/launch.h"

namespace runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kHealthFile = "health.json";
constexpr const char* kHealthLock = "health.lock";
constexpr int kCgroupWait = 2000;    // milliseconds until killed processes have left
constexpr int kCannotExecute = 125;  // as `exec` reports it

// In the child: what it says goes to `output`.
[[noreturn]] void execute_check(const ContainerState& state, const Process& process, const std::string& cgroup,
                                const base::Fd& output) {
  int exit_code = kCannotExecute;
  try {
    kill_when_parent_dies();
    base::Fd null = base::open_file("/dev/null", O_RDONLY);
    base::check(dup2(null.get(), STDIN_FILENO), "set standard input");
    base::check(dup2(output.get(), STDOUT_FILENO), "set standard output");
    base::check(dup2(output.get(), STDERR_FILENO), "set standard error");
    exit_code = exec_in_container(state, process, {.cgroup = cgroup});
  } catch (const StartError& error) {
    exit_code = error.exit_code();
    dprintf(STDERR_FILENO, "%s", error.what());
  } catch (const std::exception& error) {
    dprintf(STDERR_FILENO, "%s", error.what());
  }
  _exit(exit_code);
}

// Reads what has come. False at the end. What is beyond the bound is read and forgotten.
bool take(const base::Fd& pipe, std::string& output) {
  std::array<char, 16384> buffer;
  ssize_t length = read(pipe.get(), buffer.data(), buffer.size());
  if (length < 0) return errno == EINTR || errno == EAGAIN;
  output.append(buffer.data(), std::min<std::size_t>(static_cast<std::size_t>(length), kHealthOutput - output.size()));
  return length > 0;
}

// True when it has ended by itself within the time.
bool wait_for_check(const base::Fd& pid_fd, const base::Fd& pipe, milliseconds timeout, std::string& output) {
  auto deadline = steady_clock::now() + timeout;
  std::array<pollfd, 2> waits = {
      {{.fd = pid_fd.get(), .events = POLLIN, .revents = 0}, {.fd = pipe.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      base::throw_errno("wait for the check");
    }
    if (waits[1].revents != 0 && !take(pipe, output)) waits[1].fd = -1;
    // What it has left running holds the pipe open: its own end is what counts, and what is in the pipe by then.
    if (waits[0].revents != 0 && (waits[1].revents == 0 || waits[1].fd < 0)) return true;
    waits[0].revents = waits[1].revents = 0;
  }
}

HealthResult run_check(const ContainerState& state, Process process, const HealthCheck& check) {
  HealthResult result{.start = now_text(), .end = {}, .exit_code = kHealthTimedOut, .output = {}};
  std::string leaf = "health-" + std::to_string(getpid());
  Cgroup cgroup(state.cgroup.empty() ? "" : state.cgroup + "/" + leaf);
  if (!state.cgroup.empty()) base::make_directories(cgroup.path());
  process.arguments = check.command;
  process.terminal = false;
  base::Pipe pipe = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid == 0) {
    pipe.read.reset();
    execute_check(state, process, state.cgroup.empty() ? "" : leaf, pipe.write);
  }
  pipe.write.reset();
  base::check(fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK), "fcntl");
  base::Fd pid_fd(base::check(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "open process"));
  bool in_time = wait_for_check(pid_fd, pipe.read, check.timeout, result.output);
  if (!in_time) kill(pid, SIGKILL);
  int exit_code = wait_for_exit(pid);
  if (!state.cgroup.empty()) {
    cgroup.kill_all();
    cgroup.remove(kCgroupWait);
  }
  if (in_time) {
    result.exit_code = exit_code;
  } else {
    result.output = "it took longer than " + std::to_string(check.timeout.count()) + " ms; " + result.output;
  }
  result.end = now_text();
  return result;
}

void save_health(const StateStore& store, const std::string& id, const Health& health) {
  base::write_file_atomic(store.path_of(id, kHealthFile), base::to_text(to_json(health), 1) + "\n", 0600);
}

milliseconds age_of(const ContainerState& state) {
  auto started = base::parse_rfc3339(state.started);
  if (!started) return milliseconds(0);
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now() - *started);
}

}  // namespace

HealthCheck health_check_of(const StateStore& store, const std::string& id) {
  SavedRequest saved = load_request(store, id);
  return health_check(saved.image.config.health, saved.request.health);
}

void reset_health(const StateStore& store, const std::string& id, const HealthCheck& check) {
  if (!check.command.empty()) save_health(store, id, {});
}

std::optional<Health> load_health(const StateStore& store, const std::string& id) {
  std::string path = store.path_of(id, kHealthFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  return health_from_json(base::parse_json(*text, path), path);
}

std::optional<Health> probe(const Machine& machine, const ContainerState& state, const HealthCheck& check,
                            bool& became_unhealthy) {
  StateStore store(machine.state);
  if (state.status != Status::kRunning || !process_is_alive(state)) {
    throw base::Error("container", state.name, "it is not running");
  }
  if (!state.cgroup.empty() && Cgroup(state.cgroup).is_frozen()) return std::nullopt;
  Process process = state.process;
  process.seccomp.program = seccomp_from_bytes(base::read_file(store.path_of(state.id, "seccomp")));
  milliseconds age = age_of(state);
  HealthResult result = run_check(state, std::move(process), check);
  // A container that has ended meanwhile has failed otherwise.
  if (!process_is_alive(state)) throw base::Error("container", state.name, "it is not running any more");

  // Somebody may have asked for a check by hand at the same time.
  base::Fd lock = base::open_file(store.path_of(state.id, kHealthLock), O_RDWR | O_CREAT, 0600);
  base::check(flock(lock.get(), LOCK_EX), "lock", state.name);
  Health before = load_health(store, state.id).value_or(Health());
  Health after = after_result(check, before, std::move(result), age);
  save_health(store, state.id, after);
  if (after.status != before.status) {
    record_event(store, state, "health_status", {{"health", health_name(after.status)}});
  }
  became_unhealthy = after.status == Health::Status::kUnhealthy && before.status != after.status;
  return after;
}

}  // namespace runtime
