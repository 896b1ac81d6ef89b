#pragma once
// Names to addresses without NSS (a static binary has none): literals, /etc/hosts, then c-ares with /etc/resolv.conf.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace base {

// Addresses in text form, IPv4 first. Throws Error when there is none within `timeout`. Any thread.
std::vector<std::string> resolve(const std::string& host, std::chrono::milliseconds timeout);

// RFC 2782. The target has no dot at its end.
struct SrvRecord {
  std::string target;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;

  bool operator==(const SrvRecord&) const = default;
};

// The SRV records of a name ("_etcd-server._tcp.example.com"), by priority, then weight (heaviest first), target and
// port; empty when the DNS says that there are none. Throws Error when it does not answer within `timeout`. `servers`
// are those to ask ("127.0.0.1:5353", comma-separated); empty: those of /etc/resolv.conf. Any thread.
std::vector<SrvRecord> resolve_srv(const std::string& name, std::chrono::milliseconds timeout,
                                   const std::string& servers = "");

}  // namespace base
