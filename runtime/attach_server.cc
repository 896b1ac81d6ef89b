// Bounds: sixteen clients; of each one message of input is on its way, since it sends the next one when that has been
// taken; of each at most kAttachBacklog bytes of output wait. Beyond that the container's output waits with them, as it
// does for any reader of a pipe or a terminal, so that a client on a slow line loses nothing. One that takes nothing at
// all for kAttachPatience, while the container waits for it, is cut off: a stopped client does not stop a container.

#include "runtime/attach_server.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

using Kind = AttachMessage::Kind;

constexpr int kWaiting = 16;               // connections that are not accepted yet
constexpr char kEndOfTransmission = '\4';  // what a terminal's reader sees as the end of its input

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

void make_nonblocking(const base::Fd& file) {
  int flags = base::check(fcntl(file.get(), F_GETFL), "fcntl");
  base::check(fcntl(file.get(), F_SETFL, flags | O_NONBLOCK), "fcntl");
}

// The directory is root's alone, and so is the socket: this is the second lock.
bool is_ours(const base::Fd& connection) {
  ucred peer = {};
  socklen_t length = sizeof peer;
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace

AttachServer::AttachServer(const std::string& path) : path_(path) {
  if (path_.empty()) return;
  base::remove_file(path_);
  mode_t mask = umask(0177);
  listener_ = bind_unix(path_, SOCK_SEQPACKET);
  umask(mask);
  base::check(listen(listener_.get(), kWaiting), "listen", path_);
  make_nonblocking(listener_);
}

AttachServer::~AttachServer() {
  if (path_.empty()) return;
  try {
    base::remove_file(path_);
  } catch (const base::Error&) {
    // Gone with the container's directory, or in the way of the next one, who says so.
  }
}

void AttachServer::add(base::Fd connection) {
  make_nonblocking(connection);
  clients_.push_back({.connection = std::move(connection), .moved = Clock::now()});
}

void AttachServer::set_terminal(const base::Fd& terminal) {
  input_to_ = terminal.duplicate();
  make_nonblocking(input_to_);
  terminal_ = true;
}

void AttachServer::set_pipe(base::Fd pipe) {
  make_nonblocking(pipe);
  input_to_ = std::move(pipe);
}

void AttachServer::watch(std::vector<pollfd>& waits) const {
  if (listener_) waits.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
  if (input_to_ && !input_.empty()) waits.push_back({.fd = input_to_.get(), .events = POLLOUT, .revents = 0});
  for (const Client& client : clients_) {
    auto events = static_cast<short>(client.packets.empty() ? POLLIN : POLLIN | POLLOUT);
    waits.push_back({.fd = client.connection.get(), .events = events, .revents = 0});
  }
}

bool AttachServer::output_waits() const {
  return std::ranges::any_of(clients_, [](const Client& client) { return client.behind >= kAttachBacklog; });
}

AttachServer::Clock::time_point AttachServer::patience_ends() const {
  Clock::time_point first = Clock::time_point::max();
  for (const Client& client : clients_) {
    if (client.behind >= kAttachBacklog) first = std::min(first, client.moved + kAttachPatience);
  }
  return first;
}

void AttachServer::relieve(Clock::time_point now) {
  for (Client& client : clients_) {
    if (client.behind < kAttachBacklog || now < client.moved + kAttachPatience) continue;
    base::log_warning("a client that took no output for {} s was cut off", kAttachPatience.count());
    client.connection.reset();
  }
  drop_lost();
}

void AttachServer::serve(const base::Fd& pid_fd) {
  if (listener_) accept_clients();
  for (Client& client : clients_) hear(client, pid_fd);
  give_input();
  for (Client& client : clients_) flush(client);
  drop_lost();
}

void AttachServer::give(Kind kind, std::string_view data) {
  for (; !data.empty(); data.remove_prefix(std::min(kAttachData, data.size()))) {
    for (Client& client : clients_) send(client, attach_packet({.kind = kind, .data = data.substr(0, kAttachData)}));
  }
  drop_lost();
}

void AttachServer::end(int exit_code) {
  flush_and_leave({.kind = Kind::kExit, .number = static_cast<std::uint8_t>(exit_code)});
}

void AttachServer::flush_and_leave(const AttachMessage& last) {
  listener_.reset();
  for (Client& client : clients_) send(client, attach_packet(last));
  Clock::time_point until = Clock::now() + kAttachFlush;
  for (;;) {
    std::vector<pollfd> waits;
    for (Client& client : clients_) {
      flush(client);
      if (client.connection && !client.packets.empty()) {
        waits.push_back({.fd = client.connection.get(), .events = POLLOUT, .revents = 0});
      }
    }
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (waits.empty() || left.count() <= 0) break;
    poll(waits.data(), waits.size(), static_cast<int>(left.count()));
  }
  clients_.clear();
}

void AttachServer::accept_clients() {
  for (;;) {
    base::Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) return;
    if (!is_ours(connection)) continue;
    if (clients_.size() < kAttachClients) {
      add(std::move(connection));
      continue;
    }
    Client refused{.connection = std::move(connection)};
    send(refused, attach_packet({.kind = Kind::kRefused,
                                 .data = std::to_string(kAttachClients) + " are attached already",
                                 .number = 125}));
  }
}

void AttachServer::send(Client& client, std::string packet) {
  if (!client.connection) return;
  bool waited = client.behind >= kAttachBacklog;
  client.behind += packet.size();
  if (!waited && client.behind >= kAttachBacklog) client.moved = Clock::now();
  client.packets.push_back(std::move(packet));
  flush(client);
}

void AttachServer::flush(Client& client) {
  while (client.connection && !client.packets.empty()) {
    const std::string& packet = client.packets.front();
    ssize_t sent = ::send(client.connection.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (!would_block()) client.connection.reset();
      return;
    }
    client.behind -= packet.size();
    client.packets.pop_front();
    client.moved = Clock::now();
  }
}

// All that it has sent; a message that is none ends the connection.
void AttachServer::hear(Client& client, const base::Fd& pid_fd) {
  std::array<char, kAttachData + 2> buffer;
  while (client.connection) {
    ssize_t length = recv(client.connection.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0 && would_block()) return;
    std::optional<AttachMessage> message;
    if (length > 0) message = parse_attach_packet({buffer.data(), static_cast<std::size_t>(length)});
    if (!message) {
      client.connection.reset();
      return;
    }
    take(client, *message, pid_fd);
  }
}

void AttachServer::take(Client& client, const AttachMessage& message, const base::Fd& pid_fd) {
  switch (message.kind) {
    case Kind::kInput:
      if (client.untold) {  // it has not waited for its turn
        client.connection.reset();
        return;
      }
      client.untold = true;
      if (input_to_ && !end_pipe_) input_.append(message.data);
      return;
    case Kind::kEnd:
      if (terminal_) {
        if (input_.size() < kAttachClients * kAttachData) input_ += kEndOfTransmission;
      } else {
        end_pipe_ = true;
      }
      return;
    case Kind::kSize:
      if (terminal_ && input_to_ && message.rows > 0) {
        set_terminal_size(input_to_, {.rows = message.rows, .columns = message.columns});
      }
      return;
    case Kind::kSignal:
      if (message.number > 0 && message.number < NSIG) send_signal(pid_fd, message.number);
      return;
    default:
      client.connection.reset();
  }
}

void AttachServer::give_input() {
  while (input_to_ && !input_.empty()) {
    ssize_t written = write(input_to_.get(), input_.data(), input_.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      input_to_.reset();  // nobody reads any more
      break;
    }
    input_.erase(0, static_cast<std::size_t>(written));
  }
  if (!input_to_) input_.clear();
  if (end_pipe_) input_to_.reset();
  for (Client& client : clients_) {
    if (std::exchange(client.untold, false)) send(client, attach_packet({.kind = Kind::kTaken}));
  }
}

void AttachServer::drop_lost() {
  std::erase_if(clients_, [](const Client& client) { return !client.connection; });
}

}  // namespace runtime
