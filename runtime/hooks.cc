// A hook is forked, not spawned: it may run inside of a container, where our own program is no file any more, and all
// descriptors of ours must be closed whatever their flags. It gets its state through a memfd, so that nobody waits for
// one that does not read. Its own end is what is waited for, not the end of its output: a child of it may live on.

#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::size_t kOutputInError = 1000;  // bytes
constexpr int kLastReads = 16;                // of output that is still in the pipe at its end: 64 KiB

struct NamespaceFile {
  const char* path;
  int kind;
};
// The mount namespace last: the paths are opened before, but /proc is looked up in it.
constexpr std::array<NamespaceFile, 5> kNamespaceFiles = {{{"/proc/self/ns/pid", CLONE_NEWPID},
                                                           {"/proc/self/ns/net", CLONE_NEWNET},
                                                           {"/proc/self/ns/ipc", CLONE_NEWIPC},
                                                           {"/proc/self/ns/uts", CLONE_NEWUTS},
                                                           {"/proc/self/ns/mnt", CLONE_NEWNS}}};

base::Fd memory_file(const std::string& content) {
  base::Fd file(base::check(memfd_create("hook", MFD_CLOEXEC), "make a memory file"));
  base::write_all(file, content);
  base::check(lseek(file.get(), 0, SEEK_SET), "seek");
  return file;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// In the child.
[[noreturn]] void execute(const Hook& hook, const base::Fd& input, const base::Fd& output, const base::Fd& report) {
  std::vector<std::string> words = hook.arguments.empty() ? std::vector{hook.path} : hook.arguments;
  std::vector<char*> arguments = pointers(words);
  std::vector<char*> environment = pointers(hook.environment);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(input.get(), STDIN_FILENO);
  dup2(output.get(), STDOUT_FILENO);
  dup2(output.get(), STDERR_FILENO);
  syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
  execve(hook.path.c_str(), arguments.data(), environment.data());
  int reason = errno;
  // A failed write shows as a hook that exits with 127.
  [[maybe_unused]] ssize_t written = write(report.get(), &reason, sizeof reason);
  _exit(127);
}

// Takes what is there. False when no more will come.
bool take(const base::Fd& output, std::string& tail) {
  std::array<char, 4096> buffer;
  ssize_t length = read(output.get(), buffer.data(), buffer.size());
  if (length < 0) return errno == EINTR;
  tail.append(buffer.data(), static_cast<std::size_t>(length));
  if (tail.size() > kOutputInError) tail.erase(0, tail.size() - kOutputInError);
  return length > 0;
}

// Keeps the end of its output. False when it has not ended within its time.
bool wait_for(const base::Fd& pid_fd, const base::Fd& output, const std::optional<std::chrono::seconds>& timeout,
              std::string& tail) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point deadline = Clock::now() + timeout.value_or(std::chrono::seconds(0));
  std::array<pollfd, 2> waits = {
      {{.fd = pid_fd.get(), .events = POLLIN, .revents = 0}, {.fd = output.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    int left = -1;
    if (timeout) {
      auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      left = static_cast<int>(std::max<std::int64_t>(milliseconds, 0));
    }
    if (poll(waits.data(), waits.size(), left) < 0 && errno != EINTR) base::throw_errno("wait for a hook");
    if (waits[0].revents != 0) {
      for (int rest = kLastReads; rest > 0 && take(output, tail); rest--) {
      }
      return true;
    }
    if (waits[1].revents != 0 && !take(output, tail)) waits[1].fd = -1;
    if (timeout && Clock::now() >= deadline) return false;
  }
}

void run_hook(const std::string& what, const Hook& hook, const std::string& state) {
  base::Fd input = memory_file(state);
  base::Pipe output = base::make_pipe();
  base::check(fcntl(output.read.get(), F_SETFL, O_NONBLOCK), "fcntl");
  base::Pipe report = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid == 0) execute(hook, input, output.write, report.write);
  report.write.reset();
  output.write.reset();
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  std::string said;
  bool in_time = wait_for(pid_fd, output.read, hook.timeout, said);
  if (!in_time) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  int reason = 0;
  if (read(report.read.get(), &reason, sizeof reason) == static_cast<ssize_t>(sizeof reason)) {
    throw base::Error(what, hook.path, reason);
  }
  if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::string text = in_time ? "exit code " + std::to_string(WEXITSTATUS(status))
                             : std::format("no end after {} s, so it was killed", hook.timeout->count());
  if (in_time && WIFSIGNALED(status)) text = "killed by signal " + std::to_string(WTERMSIG(status));
  std::ranges::replace(said, '\n', ' ');
  said = base::trim(said);
  throw base::Error(what, hook.path, said.empty() ? text : text + ": " + said);
}

}  // namespace

void run_hooks(const char* kind, const std::vector<Hook>& hooks, const std::string& state) {
  for (const Hook& hook : hooks) run_hook(std::string(kind) + " hook", hook, state);
}

RuntimeNamespaces::RuntimeNamespaces() {
  for (std::size_t i = 0; i < files_.size(); i++) files_[i] = base::open_file(kNamespaceFiles[i].path, O_RDONLY);
}

void RuntimeNamespaces::enter() const {
  for (std::size_t i = 0; i < files_.size(); i++) {
    base::check(setns(files_[i].get(), kNamespaceFiles[i].kind), "go back to", kNamespaceFiles[i].path);
  }
}

}  // namespace runtime
