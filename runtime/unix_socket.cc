#include "runtime/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <format>

#include "base/error.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

// The address is good for as long as `directory` is open.
struct Address {
  base::Fd directory;
  sockaddr_un address = {};
};

Address address_of(const std::string& path) {
  std::filesystem::path whole(path);
  std::string parent = whole.parent_path().empty() ? "." : whole.parent_path().string();
  Address result{.directory = base::open_file(parent, O_PATH | O_DIRECTORY)};
  std::string text = proc_path(result.directory) + "/" + whole.filename().string();
  if (text.size() >= sizeof result.address.sun_path) throw base::Error("open socket", path, "the name is too long");
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, text.data(), text.size());
  return result;
}

base::Fd make_socket(int type) {
  return base::Fd(base::check(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "make a socket"));
}

}  // namespace

base::Fd connect_unix(const std::string& path, int type) {
  Address address = address_of(path);
  base::Fd connection = make_socket(type);
  limit_sending(connection, kConnectTime);  // which connect(2) keeps to, too (socket(7))
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address.address), sizeof address.address) < 0) {
    if (errno != EAGAIN) base::throw_errno("connect to", path);
    throw base::Error("connect to", path, std::format("nobody has accepted within {} s", kConnectTime.count()));
  }
  limit_sending(connection, std::chrono::seconds(0));
  return connection;
}

void limit_sending(const base::Fd& socket, std::chrono::seconds time) {
  timeval limit = {.tv_sec = time.count(), .tv_usec = 0};
  base::check(setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "limit sending");
}

base::Fd bind_unix(const std::string& path, int type) {
  Address address = address_of(path);
  base::Fd bound = make_socket(type);
  base::check(bind(bound.get(), reinterpret_cast<sockaddr*>(&address.address), sizeof address.address), "bind", path);
  return bound;
}

std::size_t send_with_descriptor(const base::Fd& socket, std::span<iovec> parts, const base::Fd* file) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (file != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    int number = file->get();
    std::memcpy(CMSG_DATA(rights), &number, sizeof number);
  }
  ssize_t sent = 0;
  while ((sent = sendmsg(socket.get(), &message, MSG_NOSIGNAL)) < 0) {
    if (errno == EAGAIN) throw base::Error("send over a socket", "", "the other side has taken nothing in time");
    if (errno != EINTR) base::throw_errno("send over a socket");
  }
  return static_cast<std::size_t>(sent);
}

std::optional<std::size_t> receive_with_descriptor(const base::Fd& socket, std::span<iovec> parts, base::Fd& file) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = 0;
  while ((length = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == ECONNRESET) return std::nullopt;
    if (errno != EINTR) base::throw_errno("receive over a socket");
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    file = base::Fd(number);
  }
  return static_cast<std::size_t>(length);
}

void send_descriptor(const base::Fd& socket, const base::Fd& file, const std::string& text) {
  const base::Fd* beside = &file;
  for (std::size_t sent = 0; sent < text.size(); beside = nullptr) {
    std::array<iovec, 1> rest = {iovec{const_cast<char*>(text.data()) + sent, text.size() - sent}};
    sent += send_with_descriptor(socket, rest, beside);
  }
}

}  // namespace runtime
