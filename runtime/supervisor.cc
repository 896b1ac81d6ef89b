#include "runtime/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/state.h"

namespace runtime {
namespace {

// What a person or systemd sends to a program to reach it. Not CHLD, PIPE and the like, which are about ourselves.
constexpr std::array kForwarded = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};

// Output that comes after the container's end (still in the pipe) is waited for as long as this.
constexpr std::chrono::seconds kDrain{2};

constexpr std::array<std::pair<std::string_view, int>, 31> kSignals = {{
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},
    {"SYS", SIGSYS},
}};

sigset_t forwarded_set() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : kForwarded) sigaddset(&set, number);
  return set;
}

void pass_signals_on(const base::Fd& signals, const base::Fd& pid_fd, int termination) {
  while (std::optional<int> number = next_signal(signals)) {
    bool ends = *number == SIGTERM || *number == SIGINT || *number == SIGQUIT;
    send_signal(pid_fd, ends && termination != 0 ? termination : *number);
  }
}

// One read. False at the end of the stream.
bool relay(const base::Fd& pipe, std::string_view stream, LogWriter& log, int echo_to, AttachServer* clients) {
  std::array<char, 65536> buffer;
  ssize_t length = read(pipe.get(), buffer.data(), buffer.size());
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  std::string now = now_text();
  if (length == 0) {
    log.finish(stream, now);
    return false;
  }
  std::string_view data(buffer.data(), static_cast<std::size_t>(length));
  log.append(stream, data, now);
  if (clients != nullptr) {
    clients->give(stream == "stderr" ? AttachMessage::Kind::kErrorOutput : AttachMessage::Kind::kOutput, data);
  }
  while (echo_to >= 0 && !data.empty()) {
    ssize_t written = write(echo_to, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;  // our reader has gone: the log still has it
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

OutputPipes make_output_pipes(std::uint32_t owner) {
  OutputPipes pipes;
  for (auto [read_end, write_end] :
       {std::pair{&pipes.output_read, &pipes.output_write}, std::pair{&pipes.error_read, &pipes.error_write}}) {
    base::Pipe pipe = base::make_pipe();
    base::check(fchown(pipe.write.get(), owner, owner), "give a pipe to the container");
    *read_end = std::move(pipe.read);
    *write_end = std::move(pipe.write);
  }
  return pipes;
}

OutputPipes console_pipes(base::Fd terminal) {
  OutputPipes pipes;
  pipes.console = base::Fd(base::check(ioctl(terminal.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "open pty"));
  pipes.output_read = std::move(terminal);
  return pipes;
}

void hold_signals() {
  sigset_t set = forwarded_set();
  base::check(sigprocmask(SIG_BLOCK, &set, nullptr), "block signals");
  signal(SIGPIPE, SIG_IGN);
}

base::Fd open_signals() {
  sigset_t set = forwarded_set();
  return base::Fd(base::check(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "make a signal descriptor"));
}

std::optional<int> next_signal(const base::Fd& signals) {
  signalfd_siginfo info = {};
  if (read(signals.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void send_signal(const base::Fd& pid_fd, int signal) {
  syscall(SYS_pidfd_send_signal, pid_fd.get(), signal, nullptr, 0);
}

int supervise(Launched& container, OutputPipes& pipes, LogWriter& log, StatsSampler& sampler, bool echo,
              int termination, AttachServer* clients) {
  base::Fd signals = open_signals();
  bool ended = false;
  bool output = pipes.output_read.valid(), error = pipes.error_read.valid();  // their end has not come
  std::chrono::steady_clock::time_point drained_by;
  while (!ended || output || error) {
    // What is written to the end is taken, whoever is behind: a pipe's or a terminal's buffer is all that there is.
    bool held = clients != nullptr && !ended && clients->output_waits();
    std::vector<pollfd> waits = {{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                 {.fd = ended ? -1 : container.pid_fd.get(), .events = POLLIN, .revents = 0},
                                 {.fd = output && !held ? pipes.output_read.get() : -1, .events = POLLIN, .revents = 0},
                                 {.fd = error && !held ? pipes.error_read.get() : -1, .events = POLLIN, .revents = 0},
                                 {.fd = ended ? -1 : sampler.timer().get(), .events = POLLIN, .revents = 0}};
    if (clients != nullptr) clients->watch(waits);
    int timeout = -1;
    if (ended || held) {
      auto until = ended ? drained_by : clients->patience_ends();
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (ended && left.count() <= 0) break;
      timeout = static_cast<int>(std::max(left, std::chrono::milliseconds(0)).count());
    }
    if (poll(waits.data(), waits.size(), timeout) < 0) {
      if (errno == EINTR) continue;
      base::throw_errno("wait for the container");
    }
    if (waits[0].revents != 0) pass_signals_on(signals, container.pid_fd, termination);
    if (waits[2].revents != 0) output = relay(pipes.output_read, "stdout", log, echo ? STDOUT_FILENO : -1, clients);
    if (waits[3].revents != 0) error = relay(pipes.error_read, "stderr", log, echo ? STDERR_FILENO : -1, clients);
    if (waits[4].revents != 0) sampler.sample();
    if (clients != nullptr) {
      clients->serve(container.pid_fd);
      if (held) clients->relieve(std::chrono::steady_clock::now());
    }
    if (waits[1].revents != 0) {
      ended = true;
      pipes.console.reset();
      drained_by = std::chrono::steady_clock::now() + kDrain;
    }
  }
  log.finish("stdout", now_text());
  log.finish("stderr", now_text());
  return wait_for_exit(container.pid);
}

int signal_by_name(const std::string& name) {
  if (std::optional<std::uint64_t> number = base::parse_unsigned(name)) {
    if (*number >= 1 && *number < NSIG) return static_cast<int>(*number);
    throw base::Error("signal", name, "expected a name as TERM or a number from 1 to 64");
  }
  std::string_view bare = name;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  for (const auto& [known, number] : kSignals) {
    if (known == bare) return number;
  }
  if (bare.starts_with("RTMIN+")) {
    std::optional<std::uint64_t> offset = base::parse_unsigned(bare.substr(6));
    if (offset && *offset <= 30) return SIGRTMIN + static_cast<int>(*offset);
  }
  throw base::Error("signal", name, "expected a name as TERM or a number from 1 to 64");
}

bool signal_process(int pid, std::uint64_t start_time, int signal) {
  if (pid <= 0) return false;
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd) {
    if (errno == ESRCH) return false;
    base::throw_errno("open process", std::to_string(pid));
  }
  // Asked after the descriptor was made: now the number cannot pass to another process unseen.
  if (process_start_time(pid) != start_time) return false;
  if (syscall(SYS_pidfd_send_signal, pid_fd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  base::throw_errno("signal process", std::to_string(pid));
}

}  // namespace runtime
