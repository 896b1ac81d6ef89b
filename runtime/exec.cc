// setns(2) into a pid namespace counts for children only, so a helper joins and makes the process as a sibling of
// itself (CLONE_PARENT): our child, whose exit code we get. The helper is not dumpable while it is between the worlds
// (CVE-2016-9962) and keeps no file of the host but the channel.

#include "runtime/exec.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"
#include "runtime/channel.h"
#include "runtime/execute_process.h"
#include "runtime/launch.h"
#include "runtime/supervisor.h"

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
  return kinds;
}

base::Fd open_container(const ContainerState& state) {
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!pid_fd || !process_is_alive(state)) throw base::Error("container", state.name, "it is not running");
  return pid_fd;
}

// In the helper. Ends with the process made, its pid sent to us, and the helper gone.
[[noreturn]] void join_and_start(const ContainerState& state, const Process& process, const base::Fd& pid_fd,
                                 Channel& channel, const base::Fd& pid_pipe) {
  try {
    for (const ResourceLimit& limit : process.limits) {
      base::check(setrlimit(static_cast<__rlimit_resource>(limit.resource), &limit.limit), "set resource limit");
    }
    if (!state.cgroup.empty()) Cgroup(state.cgroup).add_process(getpid());
    base::check(setns(pid_fd.get(), namespace_kinds(state.namespaces)), "join the container", state.name);
    clone_args arguments = {};
    arguments.flags = CLONE_PARENT;
    long pid = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
    if (pid != 0) {
      base::write_all(pid_pipe, std::to_string(pid));
      _exit(0);
    }
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    base::check(sigprocmask(SIG_SETMASK, &none, nullptr), "unblock signals");
    if (state.namespaces.user) {
      base::check(setresgid(0, 0, 0), "become group 0 of the user namespace");
      base::check(setresuid(0, 0, 0), "become user 0 of the user namespace");
    }
    base::check(setsid(), "make a session");
    execute_process(process, channel, true);
  } catch (const std::exception& error) {
    report_and_exit(channel, 125, error.what());
  }
}

}  // namespace

int exec_in_container(const ContainerState& state, const Process& process) {
  // A process that joins a frozen cgroup stops there, before it could say anything.
  if (!state.cgroup.empty() && Cgroup(state.cgroup).is_frozen()) throw base::Error("exec", state.name, "it is paused");
  base::Fd container = open_container(state);
  hold_signals();
  auto [ours, theirs] = make_channel();
  base::Pipe pid_pipe = base::make_pipe();
  base::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "set dumpable");
  pid_t helper = base::check(fork(), "fork");
  if (helper == 0) {
    ours = Channel(base::Fd());
    pid_pipe.read.reset();
    join_and_start(state, process, container, theirs, pid_pipe.write);
  }
  theirs = Channel(base::Fd());
  pid_pipe.write.reset();
  std::string pid_text = base::read_all(pid_pipe.read, 32);
  wait_for_exit(helper);
  std::optional<Message> failure = ours.receive();
  int pid = pid_text.empty() ? 0 : std::stoi(pid_text);
  if (failure) {
    if (pid > 0) wait_for_exit(pid);
    throw StartError(failure->code, failure->text);
  }
  if (pid == 0) throw StartError(125, "join the container: the helper died");

  base::Fd pid_fd(base::check(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "open process", pid_text));
  wait_and_forward(pid_fd);
  return wait_for_exit(pid);
}

}  // namespace runtime
