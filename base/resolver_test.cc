// SRV records from a DNS server of the test's own on loopback.
#include "base/resolver.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace base {
namespace {

using namespace std::chrono_literals;

std::string number(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

// Answers every query with the same records and code (RFC 1035, 4.1).
class DnsServer {
 public:
  DnsServer(std::vector<SrvRecord> records, unsigned code) : records_(std::move(records)), code_(code) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind");
    socklen_t length = sizeof(address);
    check(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    server_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) answer_one();
    });
  }
  const std::string& server() const { return server_; }

 private:
  void answer_one() {
    pollfd wait = {socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 20) <= 0) return;
    char buffer[1500];
    sockaddr_in from = {};
    socklen_t length = sizeof(from);
    const ssize_t size =
        ::recvfrom(socket_.get(), buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 12) return;
    const std::string query(buffer, static_cast<std::size_t>(size));
    const std::string question = query.substr(12, query.find('\0', 12) + 5 - 12);
    std::string answer = query.substr(0, 2) + number(0x8580 | code_) + number(1) +
                         number(static_cast<unsigned>(records_.size())) + number(0) + number(0) + question;
    for (const SrvRecord& record : records_) {
      const std::string data =
          number(record.priority) + number(record.weight) + number(record.port) + wire_name(record.target);
      answer += number(0xc00c) + number(33) + number(1) + number(0) + number(60) +
                number(static_cast<unsigned>(data.size())) + data;
    }
    ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }

  std::vector<SrvRecord> records_;
  unsigned code_;
  Fd socket_{check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")};
  std::string server_;
  std::jthread thread_;
};

TEST_CASE("SRV records come by priority, then weight, without a dot at the end") {
  const SrvRecord a{"a.example.com", 2380, 10, 0};
  const SrvRecord b{"b.example.com", 2381, 0, 5};
  const SrvRecord c{"c.example.com", 2382, 0, 60000};
  const DnsServer dns({a, b, c}, 0);
  CHECK(resolve_srv("_etcd-server._tcp.example.com", 10s, dns.server()) == std::vector<SrvRecord>{c, b, a});
}

TEST_CASE("a name without SRV records has none, a server that fails is an error") {
  const DnsServer empty({}, 0);
  CHECK(resolve_srv("_x._tcp.example.com", 10s, empty.server()).empty());
  const DnsServer unknown({}, 3);
  CHECK(resolve_srv("_x._tcp.example.com", 10s, unknown.server()).empty());
  const DnsServer broken({}, 2);
  CHECK_THROWS_AS(resolve_srv("_x._tcp.example.com", 10s, broken.server()), Error);
  CHECK_THROWS_AS(resolve_srv(std::string(300, 'x'), 10s, broken.server()), Error);
}

}  // namespace
}  // namespace base
