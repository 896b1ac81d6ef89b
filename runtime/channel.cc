#include "runtime/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

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
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (fd != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    int number = fd->get();
    std::memcpy(CMSG_DATA(rights), &number, sizeof number);
  }
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) base::throw_errno("talk to the container's process");
  }
}

std::optional<Message> Channel::receive() {
  Header header = {};
  std::string text(kMaxText, '\0');
  std::array<iovec, 2> parts = {iovec{&header, sizeof header}, iovec{text.data(), text.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = 0;
  while ((length = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == ECONNRESET) return std::nullopt;
    if (errno != EINTR) base::throw_errno("hear from the container's process");
  }
  if (length < static_cast<ssize_t>(sizeof header)) return std::nullopt;
  text.resize(static_cast<std::size_t>(length) - sizeof header);
  Message result{.kind = header.kind, .code = header.code, .text = std::move(text), .fd = {}};
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    result.fd = base::Fd(number);
  }
  return result;
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
