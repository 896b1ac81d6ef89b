#include "runtime/attach_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <utility>

#include "base/error.h"
#include "runtime/attach_wire.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

using Kind = AttachMessage::Kind;

constexpr std::size_t kMostWaiting = 64;  // messages; signals beyond that are as many of the same

class Client {
 public:
  explicit Client(AttachRequest& request) : request_(request), signals_(open_signals()) {
    typed_ = isatty(STDIN_FILENO) == 1;
    if (request_.terminal && request_.input) raw_.emplace(STDIN_FILENO);
    if (request_.terminal) send_size(request_.redraw);
  }

  AttachEnd run() {
    while (!end_) step();
    return *end_;
  }

 private:
  void step() {
    std::array<pollfd, 3> waits = {{{.fd = request_.connection.get(), .events = POLLIN, .revents = 0},
                                    {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = -1, .events = POLLIN, .revents = 0}}};
    if (!packets_.empty()) waits[0].events |= POLLOUT;
    // What is typed is read in any case: the detach keys may be in it.
    if (request_.input && (typed_ || !on_its_way_)) waits[2].fd = STDIN_FILENO;
    if (poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) return;
      base::throw_errno("wait for the container");
    }
    if (waits[1].revents != 0) take_signals();
    if (waits[2].revents != 0) take_input();
    flush();
    if ((waits[0].revents & ~POLLOUT) != 0) hear();
  }

  void send(const AttachMessage& message) {
    bool is_input = message.kind == Kind::kInput || message.kind == Kind::kEnd;  // one of each at a time
    if (is_input || packets_.size() < kMostWaiting) packets_.push_back(attach_packet(message));
  }

  void flush() {
    while (!packets_.empty()) {
      ssize_t sent = ::send(request_.connection.get(), packets_.front().data(), packets_.front().size(),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) {
        // What the keeper has said before it went is still to be read.
        if (errno != EAGAIN && errno != EINTR) packets_.clear();
        return;
      }
      packets_.pop_front();
    }
  }

  // A program that has drawn for this very size would not draw again.
  void send_size(bool redraw) {
    TerminalSize size = terminal_size(STDIN_FILENO);
    if (size.rows == 0) return;
    if (redraw) {
      send({.kind = Kind::kSize,
            .rows = static_cast<std::uint16_t>(size.rows - 1 + (size.rows == 1 ? 2 : 0)),
            .columns = size.columns});
    }
    send({.kind = Kind::kSize, .rows = size.rows, .columns = size.columns});
  }

  void take_signals() {
    while (std::optional<int> number = next_signal(signals_)) {
      if (*number == SIGWINCH && request_.terminal) {
        send_size(false);
      } else if (request_.pass_signals) {
        send({.kind = Kind::kSignal, .number = static_cast<std::uint8_t>(*number)});
      } else if (*number != SIGWINCH && *number != SIGCONT) {
        end_ = {.kind = AttachEnd::Kind::kSignal, .code = *number};
      }
    }
  }

  void take_input() {
    std::array<char, kAttachData - 16> buffer;  // with what the keys have held back
    ssize_t length = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (length <= 0) return end_input();
    std::string passed;
    // What is not typed has no keys in it.
    bool detach = false;
    if (typed_) {
      detach = request_.keys.take({buffer.data(), static_cast<std::size_t>(length)}, passed);
    } else {
      passed.assign(buffer.data(), static_cast<std::size_t>(length));
    }
    send_input(passed);
    if (!detach) return;
    flush();
    end_ = {.kind = AttachEnd::Kind::kDetached};
  }

  void send_input(std::string_view text) {
    if (text.empty()) return;
    if (on_its_way_) {
      // Typed ahead of a program that does not read: as much as fits, as a terminal has it.
      typed_ahead_.append(text.substr(0, kAttachData - typed_ahead_.size()));
      return;
    }
    send({.kind = Kind::kInput, .data = text});
    on_its_way_ = true;
  }

  void send_end() {
    if (!ending_ || on_its_way_) return;
    send({.kind = Kind::kEnd});
    ending_ = false;
  }

  // A raw terminal has no end but that it was hung up, which is ours and not the container's.
  void end_input() {
    request_.input = false;
    if (typed_ && request_.terminal) {
      if (!request_.pass_signals) end_ = {.kind = AttachEnd::Kind::kSignal, .code = SIGHUP};
      return;
    }
    send_input(request_.keys.rest());
    ending_ = true;
    send_end();
  }

  void hear() {
    std::array<char, kAttachData + 3> buffer;
    ssize_t length = recv(request_.connection.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    std::optional<AttachMessage> message;
    if (length > 0) message = parse_attach_packet({buffer.data(), static_cast<std::size_t>(length)});
    if (!message) {
      end_ = {.kind = AttachEnd::Kind::kLost};
      return;
    }
    switch (message->kind) {
      case Kind::kOutput:
        return show(STDOUT_FILENO, message->data);
      case Kind::kErrorOutput:
        return show(STDERR_FILENO, message->data);
      case Kind::kTaken:
        on_its_way_ = false;
        send_input(std::exchange(typed_ahead_, {}));
        return send_end();
      case Kind::kExit:
        end_ = {.kind = AttachEnd::Kind::kExited, .code = message->number};
        return;
      case Kind::kRefused:
        end_ = {.kind = AttachEnd::Kind::kRefused, .code = message->number, .text = std::string(message->data)};
        return;
      default:
        end_ = {.kind = AttachEnd::Kind::kLost};
    }
  }

  static void show(int file, std::string_view data) {
    while (!data.empty()) {
      ssize_t written = write(file, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return;  // our reader has gone; the container may still work
      data.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  AttachRequest& request_;
  base::Fd signals_;
  std::optional<RawTerminal> raw_;
  bool typed_ = false;       // our input is a terminal
  bool on_its_way_ = false;  // a message of input that has not been taken
  std::string typed_ahead_;  // for the next one
  bool ending_ = false;      // after that
  std::deque<std::string> packets_;
  std::optional<AttachEnd> end_;
};

}  // namespace

AttachEnd stay_attached(AttachRequest request) {
  return Client(request).run();
}

}  // namespace runtime
