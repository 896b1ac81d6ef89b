// kill_at POINT FILE PROGRAM ARGUMENT…: runs PROGRAM, counts the system calls that it and the processes which it makes
// enter until they execute something else, and kills the process that is about to make call number POINT (SIGKILL).
// With POINT 0 nothing is killed. The count goes to FILE. Exit code: PROGRAM's, 128 + N when a signal ended it.
//
// A point by count is the same one in each run, other than one by time: the shortest window is hit as often as any
// other. ptrace(2) does it: PTRACE_O_TRACECLONE and the like bring in the runtime's forks, also those in namespaces of
// their own; a process is let go where it executes another file than PROGRAM. When PROGRAM has ended this program does
// too, and the kernel lets go of the rest.

#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr long kOptions =
    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
constexpr int kSystemCall = SIGTRAP | 0x80;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(125);
}

bool is_program(pid_t pid, const struct stat& program) {
  struct stat status = {};
  if (stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &status) < 0) return false;
  return status.st_ino == program.st_ino && status.st_dev == program.st_dev;
}

// The number of the system call that the process is about to make; -1 when it comes back from one.
long entered_call(pid_t pid) {
  __ptrace_syscall_info info = {};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return -1;
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? static_cast<long>(info.entry.nr) : -1;
}

pid_t start(char** words) {
  int gate[2];
  if (pipe(gate) < 0) die("pipe");
  const pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    char go = 0;
    close(gate[1]);
    if (read(gate[0], &go, 1) != 1) _exit(125);
    close(gate[0]);
    execv(words[0], words);
    die(words[0]);
  }
  close(gate[0]);
  if (ptrace(PTRACE_SEIZE, pid, nullptr, kOptions) < 0) die("PTRACE_SEIZE");
  if (write(gate[1], "g", 1) != 1) die("write");
  close(gate[1]);
  return pid;
}

class Counter {
 public:
  Counter(pid_t first, unsigned long point, const struct stat& program)
      : first_(first), point_(point), program_(program) {}

  // Until the first process has ended; its wait status.
  int run() {
    for (;;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, __WALL);
      if (pid < 0) die("waitpid");
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (pid == first_) return status;
        continue;
      }
      stopped(pid, status);
    }
  }
  unsigned long count() const { return count_; }

 private:
  void stopped(pid_t pid, int status) {
    const int event = status >> 16;
    const int signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_EXEC) {
      started_ = started_ || pid == first_;
      if (!is_program(pid, program_)) {
        ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
        return;
      }
    }
    const long call = event == 0 && signal == kSystemCall && started_ ? entered_call(pid) : -1;
    if (call >= 0 && ++count_ == point_) {
      std::fprintf(stderr, "kill_at: %s process in system call %ld\n", pid == first_ ? "the first" : "a further", call);
      kill(pid, SIGKILL);
      return;
    }
    const bool delivers = event == 0 && signal != kSystemCall;
    // ESRCH: it was killed meanwhile.
    ptrace(PTRACE_SYSCALL, pid, nullptr, static_cast<long>(delivers ? signal : 0));
  }

  pid_t first_;
  unsigned long point_;
  struct stat program_;
  bool started_ = false;  // PROGRAM itself has been executed
  unsigned long count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: kill_at POINT FILE PROGRAM ARGUMENT...\n");
    return 2;
  }
  struct stat program = {};
  if (stat(argv[3], &program) < 0) die(argv[3]);
  Counter counter(start(argv + 3), std::strtoul(argv[1], nullptr, 10), program);
  const int status = counter.run();
  std::FILE* file = std::fopen(argv[2], "we");
  if (file == nullptr || std::fprintf(file, "%lu\n", counter.count()) < 0 || std::fclose(file) != 0) die(argv[2]);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
