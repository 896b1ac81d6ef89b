// setns(2) into a pid namespace counts for children only, so a helper joins and makes the process as a sibling of
// itself (CLONE_PARENT): our child, whose exit code we get. The helper is not dumpable while it is between the worlds
// (CVE-2016-9962) and keeps no file of the host but the channel.

#include "runtime/exec.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "runtime/channel.h"
#include "runtime/execute_process.h"
#include "runtime/foreground.h"
#include "runtime/launch.h"
#include "runtime/oci_hooks.h"
#include "runtime/proc_files.h"
#include "runtime/resctrl.h"
#include "runtime/rlimits.h"
#include "runtime/scheduling.h"
#include "runtime/seccomp_listener.h"
#include "runtime/security_label.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

int namespace_kinds(const Namespaces& namespaces) {
  int kinds = CLONE_NEWNS;
  if (namespaces.user) kinds |= CLONE_NEWUSER;
  if (namespaces.pid) kinds |= CLONE_NEWPID;
  if (namespaces.network) kinds |= CLONE_NEWNET;
  if (namespaces.ipc) kinds |= CLONE_NEWIPC;
  if (namespaces.uts) kinds |= CLONE_NEWUTS;
  if (namespaces.cgroup) kinds |= CLONE_NEWCGROUP;
  if (namespaces.time) kinds |= CLONE_NEWTIME;
  return kinds;
}

base::Fd open_container(const ContainerState& state) {
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!pid_fd || !process_is_alive(state)) throw base::Error("container", state.name, "it is not running");
  return pid_fd;
}

std::string cgroup_of(const ContainerState& state, const ExecOptions& options) {
  if (options.cgroup.empty()) return state.cgroup;
  for (const std::string& part : base::split(options.cgroup, '/')) {
    if (part == "..") throw base::Error("exec", options.cgroup, "a cgroup below the container's, without '..'");
  }
  if (state.cgroup.empty()) throw base::Error("exec", options.cgroup, "the container has no cgroup");
  return state.cgroup + "/" + options.cgroup;
}

void become_root_of_namespace(const ContainerState& state) {
  if (!state.namespaces.user) return;
  base::check(setresgid(0, 0, 0), "become group 0 of the user namespace");
  base::check(setresuid(0, 0, 0), "become user 0 of the user namespace");
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  base::check(sigprocmask(SIG_SETMASK, &none, nullptr), "unblock signals");
}

// An init inside that has handed controllers on cannot have processes beside it (cgroup-v2.rst "No Internal Process
// Constraint"): then a leaf of its own.
void join_cgroup(const std::string& path) {
  try {
    Cgroup(path).add_process(getpid());
  } catch (const base::Error& error) {
    if (error.error_number() != EBUSY) throw;
    base::make_directories(path + "/exec");
    Cgroup(path + "/exec").add_process(getpid());
  }
}

// What the helper is given.
struct Joining {
  const ContainerState& state;
  const Process& process;
  const base::Fd& container;  // pidfd of its first process
  std::string cgroup;
  bool die_with_parent = true;
};

// In the helper. Ends with the process made, its pid sent to us, and the helper gone.
[[noreturn]] void join_and_start(const Joining& joining, Channel& channel, base::Fd pid_pipe) {
  const ContainerState& state = joining.state;
  try {
    apply_resource_limits(joining.process, 0);
    if (joining.process.oom_score_adjustment) {
      base::write_all(base::open_file("/proc/self/oom_score_adj", O_WRONLY),
                      std::to_string(*joining.process.oom_score_adjustment));
    }
    run_on_processors(joining.process.cpus_before);
    if (!joining.cgroup.empty()) join_cgroup(joining.cgroup);
    join_resctrl(state.resctrl, getpid());
    base::Fd proc = has_label(joining.process) ? open_proc() : base::Fd();
    base::check(setns(joining.container.get(), namespace_kinds(state.namespaces)), "join the container", state.name);
    clone_args arguments = {};
    arguments.flags = CLONE_PARENT;
    long pid = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
    if (pid != 0) {
      base::write_all(pid_pipe, std::to_string(pid));
      _exit(0);
    }
    pid_pipe.reset();  // we are waited for by its end
    reset_signals();
    become_root_of_namespace(state);
    base::check(setsid(), "make a session");
    if (joining.process.terminal) {
      take_terminal(joining.process, base::open_file("/", O_PATH | O_DIRECTORY), false, channel);
    }
    apply_scheduling(joining.process, 0);
    run_on_processors(joining.process.cpus_after);
    execute_process(joining.process, channel, joining.die_with_parent, proc);
  } catch (const std::exception& error) {
    report_and_exit(channel, 125, error.what());
  }
}

// The process runs when the channel closes. What it sent before: its terminal, its filter's descriptor, or why it
// failed.
base::Fd wait_until_executed(Channel& channel, int pid, const Joining& joining) {
  base::Fd terminal;
  while (std::optional<Message> message = channel.receive()) {
    if (message->kind == kTerminal) {
      terminal = std::move(message->fd);
      continue;
    }
    if (message->kind == kListener) {
      const ContainerState& state = joining.state;
      answer_listener_request(channel, *message, joining.process.seccomp.listener, pid,
                              hook_state(state.id, "running", state.pid, state.bundle, state.annotations));
      continue;
    }
    if (pid > 0) wait_for_exit(pid);
    throw StartError(message->code, message->text);
  }
  if (pid == 0) throw StartError(125, "join the container: the helper died");
  return terminal;
}

}  // namespace

int exec_in_container(const ContainerState& state, const Process& process, const ExecOptions& options) {
  // A process that joins a frozen cgroup stops there, before it could say anything.
  if (!options.also_paused && !state.cgroup.empty() && Cgroup(state.cgroup).is_frozen()) {
    throw base::Error("exec", state.name, "it is paused");
  }
  base::Fd container = open_container(state);
  base::Fd console, pidfd_socket;
  if (!options.console_socket.empty()) console = connect_unix(options.console_socket, SOCK_STREAM);
  if (!options.pidfd_socket.empty()) pidfd_socket = connect_unix(options.pidfd_socket, SOCK_STREAM);
  Joining joining{.state = state,
                  .process = process,
                  .container = container,
                  .cgroup = cgroup_of(state, options),
                  .die_with_parent = !options.detach};
  hold_signals();
  auto [ours, theirs] = make_channel();
  base::Pipe pid_pipe = base::make_pipe();
  base::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "set dumpable");
  pid_t helper = base::check(fork(), "fork");
  if (helper == 0) {
    ours = Channel(base::Fd());
    pid_pipe.read.reset();
    join_and_start(joining, theirs, std::move(pid_pipe.write));
  }
  theirs = Channel(base::Fd());
  pid_pipe.write.reset();
  std::string pid_text = base::read_all(pid_pipe.read, 32);
  wait_for_exit(helper);
  int pid = pid_text.empty() ? 0 : std::stoi(pid_text);
  base::Fd terminal = wait_until_executed(ours, pid, joining);

  base::Fd pid_fd(base::check(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "open process", pid_text));
  if (console) send_descriptor(console, terminal, terminal_name(terminal));
  if (pidfd_socket) send_descriptor(pidfd_socket, pid_fd, "pidfd");
  if (!options.pid_file.empty()) base::write_file_atomic(options.pid_file, pid_text);
  if (options.detach) return 0;
  stay_in_foreground({.pid_fd = pid_fd, .terminal = console ? base::Fd() : std::move(terminal)});
  return wait_for_exit(pid);
}

}  // namespace runtime
