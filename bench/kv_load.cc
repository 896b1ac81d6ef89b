// The load generator for what wrk and hey cannot make: many keys, many watches, one write to many watchers. Speaks
// etcd's v2 API to whichever server, with as little work of its own as it can, since both share the machine.
//
//   kv_load fill PORT COUNT          writes COUNT keys over 64 connections
//   kv_load idle PORT COUNT          COUNT watches on keys of their own; prints "ready", holds them until stdin ends
//   kv_load notify PORT COUNT ROUNDS  COUNT streams on one key; for each round a write and the time until all have it;
//                                    prints the median in milliseconds

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Connection {
  int fd = -1;
  std::string input = {};
};

Connection connect_to(std::uint16_t port) {
  Connection connection{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  int on = 1;
  ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return connection;
}

void send_all(const Connection& connection, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    ssize_t count = ::send(connection.fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (count <= 0) fail("send");
    at += static_cast<std::size_t>(count);
  }
}

void receive_some(Connection& connection) {
  char buffer[16384];
  ssize_t count = ::recv(connection.fd, buffer, sizeof buffer, 0);
  if (count <= 0) fail("receive");
  connection.input.append(buffer, static_cast<std::size_t>(count));
}

std::string get(const std::string& target) {
  return "GET /v2/keys" + target + " HTTP/1.1\r\nHost: bench\r\n\r\n";
}

std::string put(const std::string& key, const std::string& value) {
  std::string body = "value=" + value;
  return "PUT /v2/keys" + key +
         " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The answer to a write is one line of JSON, and its headers have no empty line before it.
bool answered(const Connection& connection) {
  return connection.input.ends_with("}\n") || connection.input.ends_with("}\n\r\n0\r\n\r\n");
}

class Poller {
 public:
  explicit Poller(std::vector<Connection>& connections) : connections_(connections), fd_(::epoll_create1(0)) {
    for (std::size_t i = 0; i < connections.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (::epoll_ctl(fd_, EPOLL_CTL_ADD, connections[i].fd, &event) != 0) fail("epoll_ctl");
    }
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { ::close(fd_); }

  // Receives until `left` is 0; `each` is called with the connection that has got something.
  template <typename Each>
  void run(std::size_t& left, Each each) {
    epoll_event events[256];
    while (left > 0) {
      int count = ::epoll_wait(fd_, events, 256, 60000);
      if (count <= 0) fail("nothing for a minute: epoll_wait");
      for (int i = 0; i < count; ++i) {
        Connection& connection = connections_[events[i].data.u64];
        receive_some(connection);
        each(connection);
      }
    }
  }

 private:
  std::vector<Connection>& connections_;
  int fd_;
};

void fill(std::uint16_t port, std::size_t count) {
  std::vector<Connection> connections(64);
  std::size_t next = 0;
  std::size_t left = count;
  auto write_next = [&](const Connection& connection) {
    if (next == count) return;
    // A thousand keys in a directory.
    std::string key = "/fill/" + std::to_string(next / 1000) + "/" + std::to_string(next);
    send_all(connection, put(key, "a value as long as an address: 10.0.0.1:8080"));
    ++next;
  };
  for (Connection& connection : connections) write_next(connection = connect_to(port));
  Poller(connections).run(left, [&](Connection& connection) {
    if (!answered(connection)) return;
    if (!connection.input.starts_with("HTTP/1.1 20")) fail(connection.input.c_str());
    connection.input.clear();
    --left;
    write_next(connection);
  });
}

// Watches whose server has said that they are registered: etcd sends the head then, and kvd too.
std::vector<Connection> watch(std::uint16_t port, std::size_t count, bool one_key) {
  std::vector<Connection> connections(count);
  for (std::size_t i = 0; i < count; ++i) {
    connections[i] = connect_to(port);
    send_all(connections[i],
             get(one_key ? "/notify?wait=true&stream=true" : "/idle/" + std::to_string(i) + "?wait=true"));
  }
  std::size_t left = count;
  Poller(connections).run(left, [&](Connection& connection) {
    if (!connection.input.ends_with("\r\n\r\n")) return;
    connection.input.clear();
    --left;
  });
  return connections;
}

double notify_round(const Connection& writer, std::vector<Connection>& watchers, Poller& poller) {
  auto begin = std::chrono::steady_clock::now();
  send_all(writer, put("/notify", "a value as long as an address: 10.0.0.1:8080"));
  std::size_t left = watchers.size();
  poller.run(left, [&](Connection& connection) {
    if (!connection.input.ends_with("}\n\r\n")) return;
    connection.input.clear();
    --left;
  });
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

void notify(std::uint16_t port, std::size_t count, std::size_t rounds) {
  std::vector<Connection> watchers = watch(port, count, true);
  Poller poller(watchers);
  Connection writer = connect_to(port);
  std::vector<double> times;
  for (std::size_t i = 0; i < rounds; ++i) {
    times.push_back(notify_round(writer, watchers, poller));
    while (!answered(writer)) receive_some(writer);
    writer.input.clear();
  }
  std::ranges::sort(times);
  std::printf("%.2f\n", times[times.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> words(argv + 1, argv + argc);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  auto number = [&](std::size_t i) { return std::strtoul(argv[i + 1], nullptr, 10); };
  if (words.size() == 3 && words[0] == "fill") {
    fill(static_cast<std::uint16_t>(number(1)), number(2));
  } else if (words.size() == 3 && words[0] == "idle") {
    std::vector<Connection> connections = watch(static_cast<std::uint16_t>(number(1)), number(2), false);
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
  } else if (words.size() == 4 && words[0] == "notify") {
    notify(static_cast<std::uint16_t>(number(1)), number(2), number(3));
  } else {
    std::fputs("usage: kv_load fill|idle PORT COUNT, or notify PORT COUNT ROUNDS\n", stderr);
    return 2;
  }
}
