#include "runtime/process_keeper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/attach_server.h"
#include "runtime/boot.h"
#include "runtime/foreground.h"
#include "runtime/health_keeper.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr int kRuntimeError = 125;
constexpr int kStopLook = 20;  // milliseconds between looks for a stop while a restart is due

// True when the container is to be started again, after the policy's delay.
bool wait_for_restart(const StateStore& store, const std::string& id) {
  auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(kRestartMilliseconds);
  for (;;) {
    std::optional<ContainerState> state = store.load(id);
    if (!state || state->stop_requested) return false;
    if (std::chrono::steady_clock::now() >= due) return true;
    poll(nullptr, 0, kStopLook);
  }
}

struct End {
  int exit_code = 0;
  bool again = false;
};

// Until it has ended: what it writes goes to the log, unless it has a terminal, which is ours then.
int look_after(Launched& launched, const ContainerState& state, OutputPipes& pipes, LogWriter& log,
               StatsSampler& sampler, const Attachment& attachment, AttachServer* clients) {
  if (state.machine) {
    pipes = console_pipes(std::move(launched.terminal));
    return exit_code_of_machine(
        supervise(launched, pipes, log, sampler, attachment.output, signal_by_name(state.stop_signal)));
  }
  if (clients != nullptr) {
    if (launched.terminal) {
      pipes = console_pipes(std::move(launched.terminal));
      clients->set_terminal(pipes.output_read);
    }
    return supervise(launched, pipes, log, sampler, false, 0, clients);
  }
  if (!launched.terminal) return supervise(launched, pipes, log, sampler, attachment.output);
  if (!attachment.input) {
    base::Fd null = base::open_file("/dev/null", O_RDONLY);
    base::check(dup2(null.get(), STDIN_FILENO), "set standard input");
  }
  stay_in_foreground({.pid_fd = launched.pid_fd, .terminal = std::move(launched.terminal), .sampler = &sampler});
  return wait_for_exit(launched.pid);
}

// Its standard input: a pipe whose other end is for those who are attached, ours, or nothing.
base::Fd input_for(const ContainerState& state, const Attachment& attachment, std::optional<AttachServer>& clients) {
  if (clients && state.open_stdin && !state.tty) {
    base::Pipe pipe = base::make_pipe();
    base::check(fchown(pipe.read.get(), state.first_id, state.first_id), "give a pipe to the container");
    clients->set_pipe(std::move(pipe.write));
    return std::move(pipe.read);
  }
  return attachment.input && !clients ? base::Fd() : base::open_file("/dev/null", O_RDONLY);
}

// One start, to its end.
End run_once(const Machine& machine, const std::string& id, const Attachment& attachment,
             const std::function<void()>& started) {
  StateStore store(machine.state);
  ContainerState state = store.load(id).value();
  LogWriter log(store.path_of(id));
  OutputPipes pipes = make_output_pipes(state.first_id);
  hold_signals();
  std::optional<AttachServer> clients;
  std::string socket = store.path_of(id, kAttachSocket);
  if (attachment.served) {
    clients.emplace(socket);
  } else {
    base::remove_file(socket);  // that of a keeper that was killed
  }
  if (clients && attachment.client != nullptr && *attachment.client) clients->add(std::move(*attachment.client));
  InitFiles files{.standard_input = input_for(state, attachment, clients),
                  .standard_output = std::move(pipes.output_write),
                  .standard_error = std::move(pipes.error_write),
                  .start_socket = {}};
  CgroupPlan plan = plan_cgroup(id, "Container " + state.name + " (" + state.image + ")");
  Started running = start_from_files(machine, id, plan, true, std::move(files));
  started();
  End end;
  {
    HealthKeeper health(machine, id);
    StatsSampler sampler(store, id, running.launched.cgroup);
    end.exit_code = look_after(running.launched, state, pipes, log, sampler, attachment, clients ? &*clients : nullptr);
  }
  const Cgroup& cgroup = running.launched.cgroup;
  bool out_of_memory = cgroup.exists() && cgroup.out_of_memory_killed();
  if (std::optional<ContainerState> ended = store.load(id); ended && attachment.restart && !ended->stop_requested) {
    end.again = ended->restart_wanted ||
                restarts_after(parse_restart_policy(ended->restart_policy), end.exit_code, ended->restarts);
  }
  finish(machine, id, end.exit_code, out_of_memory, end.again);
  if (clients) clients->end(end.exit_code);
  return end;
}

void leave_standard_files(std::initializer_list<int> numbers) {
  base::Fd null = base::open_file("/dev/null", O_RDWR);
  for (int number : numbers) base::check(dup2(null.get(), number), "set a standard file");
}

// Runs in the process that stays: its own session, no terminal, its word to the one who waits over `pipe`: "+" or
// "<exit code> <reason>".
[[noreturn]] void keep_in_background(const Machine& machine, const std::string& id, base::Fd pipe, base::Fd client) {
  auto say = [&](const std::string& text) {
    if (!pipe) return;
    base::write_all(pipe, text);
    pipe.reset();
  };
  int exit_code = 0;
  try {
    base::check(setsid(), "make a session");
    base::check(chdir("/"), "enter /");
    std::optional<ContainerState> state = StateStore(machine.state).load(id);
    bool served = state && is_served(*state);
    leave_standard_files(served ? std::initializer_list<int>{STDOUT_FILENO, STDERR_FILENO}
                                : std::initializer_list<int>{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
    Attachment attachment{.restart = !client.valid(), .served = served, .client = &client};
    exit_code = run_to_the_end(machine, id, attachment, [&] {
      if (served) leave_standard_files({STDIN_FILENO});  // until here it has told the terminal's size
      say("+");
    });
  } catch (const StartError& error) {
    say(std::to_string(error.exit_code()) + " " + error.what());
  } catch (const std::exception& error) {
    say(std::to_string(kRuntimeError) + " " + error.what());
  }
  _exit(exit_code);
}

// `client` and `lock` go to the process that stays; `ours` must not.
void start_with_client(const Machine& machine, const std::string& id, base::Fd lock, base::Fd client,
                       base::Fd* ours = nullptr) {
  base::Pipe pipe = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid == 0) {
    pipe.read.reset();
    if (ours != nullptr) ours->reset();
    keep_in_background(machine, id, std::move(pipe.write), std::move(client));
  }
  lock.reset();
  client.reset();
  pipe.write.reset();
  std::string answer = base::read_all(pipe.read, 64 * 1024);
  if (answer == "+") return;
  wait_for_exit(pid);
  std::size_t blank = answer.find(' ');
  auto code = base::parse_unsigned(answer.substr(0, blank));
  if (!code || blank == std::string::npos) throw StartError(kRuntimeError, "the supervisor died");
  throw StartError(static_cast<int>(*code), answer.substr(blank + 1));
}

}  // namespace

void begin_start(const Machine& machine, const std::string& id, Keeper keeper) {
  StateStore(machine.state).edit(id, [&](ContainerState& state) {
    state.status = Status::kStarting;
    state.keeper = keeper;
    state.log_driver = keeper == Keeper::kSystemd ? "journald" : "local";
    state.started.clear();
    state.finished.clear();
    state.error.clear();
    state.exit_code = 0;
    state.out_of_memory = false;
    state.restarts = 0;
    state.stop_requested = false;
  });
}

void record_start_failure(const Machine& machine, const std::string& id, int exit_code, const std::string& text) {
  StateStore(machine.state).edit(id, [&](ContainerState& state) {
    state.status = Status::kExited;
    state.pid = 0;
    state.exit_code = exit_code;
    state.error = text;
    state.finished = now_text();
  });
}

int run_to_the_end(const Machine& machine, const std::string& id, const Attachment& attachment,
                   const std::function<void()>& started) {
  StateStore store(machine.state);
  End end = run_once(machine, id, attachment, started);
  while (end.again) {
    if (!wait_for_restart(store, id)) {
      finish(machine, id, end.exit_code, false, false);
      break;
    }
    store.edit(id, [](ContainerState& state) { state.status = Status::kStarting; });
    try {
      end = run_once(machine, id, attachment, [] {});
    } catch (const std::exception& error) {
      // What started once and now does not is not tried for ever.
      record_start_failure(machine, id, kRuntimeError, error.what());
      return kRuntimeError;
    }
  }
  return end.exit_code;
}

bool is_served(const ContainerState& state) {
  return (state.tty || state.open_stdin) && !state.machine;
}

void start_in_background(const Machine& machine, const std::string& id, base::Fd lock) {
  start_with_client(machine, id, std::move(lock), base::Fd());
}

base::Fd start_attached_in_background(const Machine& machine, const std::string& id, base::Fd lock) {
  std::array<int, 2> ends = {};
  base::check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "make a socket pair");
  base::Fd ours(ends[0]), theirs(ends[1]);
  start_with_client(machine, id, std::move(lock), std::move(theirs), &ours);
  return ours;
}

}  // namespace runtime
