#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/fd.h"

namespace base {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Kills and reaps the child when an error unwinds past it.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) throw_errno("waitpid");
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

pid_t spawn(const std::vector<std::string>& argv, const ProcessOptions& options, const Pipe& in, const Pipe& out,
            const Pipe& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  auto arguments = pointers(argv);
  std::vector<char*> environment;
  if (options.environment) environment = pointers(*options.environment);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, arguments.data(),
                                   options.environment ? environment.data() : environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Error("run", argv[0], error);
  return pid;
}

// Keeps SIGPIPE from this thread while it writes to a child that may be gone: EPIPE is enough.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() {
    const timespec at_once = {};
    while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t old_{};
};

// One read; closes `fd` at end of file.
void take(Fd& fd, std::string& into, std::size_t limit, const std::string& program) {
  char buffer[16384];
  const ssize_t count = ::read(fd.get(), buffer, sizeof(buffer));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (check(count, "read output of", program) == 0) return fd.reset();
  if (into.size() + static_cast<std::size_t>(count) > limit) {
    throw Error("run", program, std::format("more than {} bytes of output", limit));
  }
  into.append(buffer, static_cast<std::size_t>(count));
}

void give(Fd& fd, std::string_view& data) {
  const NoBrokenPipeSignal guard;
  if (data.empty()) return fd.reset();
  const ssize_t count = ::write(fd.get(), data.data(), data.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) return fd.reset();  // EPIPE: it does not want its input, which is its business
  data.remove_prefix(static_cast<std::size_t>(count));
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  if (argv.empty()) throw Error("run", "", "no program given");
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  Child child(spawn(argv, options, in, out, err));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  check(::fcntl(in.write.get(), F_SETFL, O_NONBLOCK), "fcntl");

  ProcessResult result;
  std::string_view input = options.input;
  if (input.empty()) in.write.reset();
  const auto deadline = steady_clock::now() + options.timeout;
  while (out.read || err.read) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      throw Error("run", argv[0], std::format("no end after {} ms", options.timeout.count()));
    }
    pollfd polls[3] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}};
    if (::poll(polls, 3, static_cast<int>(left.count())) < 0 && errno != EINTR) throw_errno("poll");
    if (polls[0].revents != 0) take(out.read, result.output, options.max_output, argv[0]);
    if (polls[1].revents != 0) take(err.read, result.error_output, options.max_output, argv[0]);
    if (in.write && polls[2].revents != 0) give(in.write, input);
  }
  result.exit_code = child.wait();
  return result;
}

}  // namespace base
