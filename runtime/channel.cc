#include "runtime/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxText = 4000;

struct Header {
  char kind;
  char padding[3];
  int code;
};

}  // namespace

void Channel::send(char kind, int code, const std::string& text, const base::Fd* fd) {
  Header header = {.kind = kind, .padding = {}, .code = code};
  std::array<iovec, 2> parts = {iovec{&header, sizeof header},
                                iovec{const_cast<char*>(text.data()), std::min(text.size(), kMaxText)}};
  send_with_descriptor(socket_, parts, fd);
}

std::optional<Message> Channel::receive() {
  Header header = {};
  std::string text(kMaxText, '\0');
  std::array<iovec, 2> parts = {iovec{&header, sizeof header}, iovec{text.data(), text.size()}};
  base::Fd file;
  std::optional<std::size_t> length = receive_with_descriptor(socket_, parts, file);
  if (!length || *length < sizeof header) return std::nullopt;
  text.resize(*length - sizeof header);
  return Message{.kind = header.kind, .code = header.code, .text = std::move(text), .fd = std::move(file)};
}

Message Channel::expect(char kind) {
  std::optional<Message> message = receive();
  if (!message) throw base::Error("set up the container", "", "the other process has died");
  if (message->kind != kind) throw base::Error("set up the container", "", "messages are out of step");
  return std::move(*message);
}

std::pair<Channel, Channel> make_channel() {
  std::array<int, 2> ends = {-1, -1};
  base::check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "make a socket pair");
  return {Channel(base::Fd(ends[0])), Channel(base::Fd(ends[1]))};
}

}  // namespace runtime
