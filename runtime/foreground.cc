// One loop over four sources. Output to us is written at once (a slow reader slows the process down, as in any pipe);
// input waits in a buffer until the pty takes it, so that an application which does not read holds up neither its own
// output nor its signals.

#include "runtime/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "base/error.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

constexpr std::size_t kBuffer = 16384;     // bytes
constexpr char kEndOfTransmission = '\4';  // what a terminal's reader sees as the end of its input

class Loop {
 public:
  explicit Loop(Foreground& process) : process_(process), signals_(open_signals()) {
    if (!process_.terminal) return;
    base::check(fcntl(process_.terminal.get(), F_SETFL, O_NONBLOCK), "fcntl");
    // An init closes its console and opens it again for each line: without an open end the pty would be hung up for
    // good.
    peer_ =
        base::Fd(base::check(ioctl(process_.terminal.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "open pty"));
    raw_.emplace(STDIN_FILENO);
  }

  void run() {
    while (!step()) {
    }
    while (process_.terminal && take_output()) {
    }
  }

 private:
  // True once the process has ended.
  bool step() {
    std::array<pollfd, 6> waits = {{{.fd = process_.pid_fd.get(), .events = POLLIN, .revents = 0},
                                    {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = process_.terminal.get(), .events = POLLIN, .revents = 0},
                                    {.fd = -1, .events = POLLIN, .revents = 0},
                                    {.fd = -1, .events = POLLIN, .revents = 0},
                                    {.fd = -1, .events = POLLIN, .revents = 0}}};
    if (!input_.empty()) waits[2].events |= POLLOUT;
    if (process_.terminal && input_.empty() && !input_ended_) waits[3].fd = STDIN_FILENO;
    if (process_.notify != nullptr) waits[4].fd = process_.notify->socket().get();
    if (process_.sampler != nullptr) waits[5].fd = process_.sampler->timer().get();
    if (poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) return false;
      base::throw_errno("wait for the process");
    }
    if (waits[1].revents != 0) take_signals();
    if ((waits[2].revents & POLLOUT) != 0) give_input();
    if ((waits[2].revents & ~POLLOUT) != 0) take_output();
    if (waits[3].revents != 0) take_input();
    if (waits[4].revents != 0) process_.notify->relay();
    if (waits[5].revents != 0) process_.sampler->sample();
    return waits[0].revents != 0;
  }

  void take_signals() {
    while (std::optional<int> number = next_signal(signals_)) {
      if (*number == SIGWINCH && process_.terminal) {
        pass_size_on();
      } else {
        send_signal(process_.pid_fd, *number);
      }
    }
  }

  void pass_size_on() {
    TerminalSize size = terminal_size(STDIN_FILENO);
    if (size.rows > 0) set_terminal_size(process_.terminal, size);
  }

  void take_input() {
    std::array<char, kBuffer> buffer;
    ssize_t length = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (length > 0) {
      input_.assign(buffer.data(), static_cast<std::size_t>(length));
    } else {
      input_.assign(1, kEndOfTransmission);
      input_ended_ = true;
    }
  }

  void give_input() {
    ssize_t written = write(process_.terminal.get(), input_.data(), input_.size());
    if (written > 0) input_.erase(0, static_cast<std::size_t>(written));
  }

  // False when there is nothing more.
  bool take_output() {
    std::array<char, kBuffer> buffer;
    ssize_t length = read(process_.terminal.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) return true;
    if (length <= 0) return false;
    std::size_t done = 0;
    while (done < static_cast<std::size_t>(length)) {
      ssize_t written = write(STDOUT_FILENO, buffer.data() + done, static_cast<std::size_t>(length) - done);
      if (written < 0 && errno != EINTR) break;  // our reader has gone; the process may still work
      if (written > 0) done += static_cast<std::size_t>(written);
    }
    return true;
  }

  Foreground& process_;
  base::Fd signals_;
  base::Fd peer_;
  std::optional<RawTerminal> raw_;
  std::string input_;  // read from us, not yet taken by the pty
  bool input_ended_ = false;
};

}  // namespace

void stay_in_foreground(Foreground foreground) {
  Loop(foreground).run();
}

}  // namespace runtime
