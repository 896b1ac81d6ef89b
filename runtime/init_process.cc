// The init is this program, not executed again: nobody inside can look into it or at its file, since a process that was
// not dumpable when it came in stays so (launch.cc), and its pages are those that the start needed anyway.
// Signals are blocked and fetched, never handled: the kernel drops what an init has neither a handler for nor blocked.

#include "runtime/init_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace runtime {
namespace {

// A group of its own, which Ctrl-C reaches: else the application would get it twice, from the terminal and from us.
void take_foreground() {
  base::check(setpgid(0, 0), "make a process group");
  if (isatty(STDIN_FILENO) == 0) return;
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(STDIN_FILENO, getpid());
  signal(SIGTTOU, SIG_DFL);
}

void reap(pid_t application) {
  int status = 0;
  for (;;) {
    pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) continue;
    if (ended <= 0) return;
    if (ended == application) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

[[noreturn]] void be_init(pid_t application, const sigset_t& all) {
  for (;;) {
    siginfo_t info = {};
    int number = sigwaitinfo(&all, &info);
    if (number < 0) continue;
    if (number == SIGCHLD) {
      reap(application);
    } else {
      kill(application, number);
    }
  }
}

}  // namespace

void continue_below_init(Channel& channel) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  base::check(sigprocmask(SIG_SETMASK, &all, &before), "block signals");
  pid_t application = base::check(fork(), "fork");
  if (application == 0) {
    take_foreground();
    base::check(sigprocmask(SIG_SETMASK, &before, nullptr), "unblock signals");
    return;
  }
  channel = Channel(base::Fd());  // its end, in the application, tells that the application runs
  prctl(PR_SET_NAME, "init");
  syscall(SYS_close_range, 0u, ~0u, 0u);
  be_init(application, all);
}

}  // namespace runtime
