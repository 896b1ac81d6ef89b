#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <format>

namespace power {

namespace {

constexpr std::size_t kKeys = 8;  // of each connection

base::Fd connect_to(const std::string& address) {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(2379);
  ::inet_pton(AF_INET, address.c_str(), &target.sin_addr);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) return {};
  int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

bool send_all(const base::Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The number behind `name`, 0 where there is none.
std::uint64_t number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  std::uint64_t value = 0;
  if (at != std::string_view::npos) std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Load::Load(Ledger& ledger, base::Random& random, std::size_t connections)
    : ledger_(ledger), random_(random), connections_(connections) {}

void Load::aim(std::vector<std::string> addresses) {
  addresses_ = std::move(addresses);
  for (Connection& connection : connections_) {
    if (!std::ranges::contains(addresses_, connection.address)) close(connection);
  }
}

void Load::shape(std::size_t largest_value, std::chrono::microseconds longest_pause) {
  largest_value_ = largest_value;
  longest_pause_ = longest_pause;
}

void Load::close(Connection& connection) {
  connection.socket.reset();
  connection.input.clear();
  connection.write.reset();
  connection.address.clear();
}

void Load::give_up() {
  for (Connection& connection : connections_) close(connection);
}

bool Load::idle() const {
  return std::ranges::none_of(connections_, [](const Connection& connection) { return connection.write.has_value(); });
}

void Load::begin(Connection& connection, std::size_t number) {
  if (!connection.socket) {
    if (addresses_.empty()) return;
    connection.address = addresses_[random_.below(addresses_.size())];
    connection.socket = connect_to(connection.address);
    if (!connection.socket) return close(connection);
  }
  const std::string key = std::format("/p/{}-{}", number, random_.below(kKeys));
  connection.write = ledger_.begin(key, random_.below(largest_value_ + 1));
  const std::string body = "value=" + ledger_.value(*connection.write);
  const std::string head = std::format(
      "PUT /v2/keys{} HTTP/1.1\r\nHost: kv\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: {}\r\n\r\n",
      key, body.size());
  if (!send_all(connection.socket, head + body)) close(connection);
}

// Anything but a success leaves open whether the write is done.
void Load::take_input(Connection& connection) {
  char buffer[16384];
  const ssize_t count = ::recv(connection.socket.get(), buffer, sizeof buffer, 0);
  if (count <= 0) return close(connection);
  connection.input.append(buffer, static_cast<std::size_t>(count));
  const std::string_view input = connection.input;
  const std::size_t head = input.find("\r\n\r\n");
  if (head == std::string_view::npos) return;
  const std::uint64_t body = number_after(input.substr(0, head), "Content-Length: ");
  if (input.size() < head + 4 + body) return;
  const bool done = input.starts_with("HTTP/1.1 200 ") || input.starts_with("HTTP/1.1 201 ");
  if (!done || !connection.write) return close(connection);
  // Its own index, not that of the node before, which a value might imitate: the first member is the new node.
  ledger_.answered(*connection.write, number_after(input.substr(head), "\"modifiedIndex\":"));
  connection.write.reset();
  connection.input.clear();
  connection.next = std::chrono::steady_clock::now() +
                    std::chrono::microseconds(random_.below(static_cast<std::uint64_t>(longest_pause_.count()) + 1));
}

void Load::run_for(std::chrono::microseconds time, bool writing) {
  const Time end = std::chrono::steady_clock::now() + time;
  for (Time now; (now = std::chrono::steady_clock::now()) < end && (writing || !idle());) {
    Time wake = end;
    std::vector<pollfd> polls;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      if (writing && !connection.write && connection.next <= now) {
        begin(connection, i);
        if (!connection.write) connection.next = now + std::chrono::milliseconds(5);
      }
      if (!connection.write) wake = std::min(wake, connection.next);
      polls.push_back({connection.socket.get(), POLLIN, 0});
    }
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(std::max(wake - now, Time::duration(0)));
    const timespec timeout{wait.count() / 1'000'000, wait.count() % 1'000'000 * 1000};
    if (::ppoll(polls.data(), polls.size(), &timeout, nullptr) <= 0) continue;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take_input(connections_[i]);
    }
  }
}

}  // namespace power
