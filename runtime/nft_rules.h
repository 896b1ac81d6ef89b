#pragma once
// The packet filter of the containers' bridge: one nftables table `ip clusteros`, made once, in which a published port
// is one element of a map. So publishing and withdrawing never touch a rule, and whatever a crash leaves behind is
// found by its host port. docs/runtime.md has the table as nft(8) prints it.
//
// REQUIRES: CAP_NET_ADMIN in the current network namespace. Throws base::Error.

#include <cstdint>
#include <span>
#include <string>

namespace runtime {

enum class Protocol { kTcp, kUdp };

struct PublishedPort {
  Protocol protocol = Protocol::kTcp;
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
};

// Makes the table with its chains and rules when it is not there: masquerading of what leaves `network`/`prefix`,
// redirection of published ports (from outside, from this host also by 127.0.0.1, and from containers), no way from
// outside to a port that is not published, and none from a container to the host's loopback addresses.
void ensure_table(const std::string& bridge, const std::string& network, unsigned prefix);

// A few transactions at most, since each waits for the kernel's readers. An older element of the same port is replaced.
// REQUIRES: Linux 6.3.
void publish(std::span<const PublishedPort> ports, const std::string& address);
void withdraw(std::span<const PublishedPort> ports);  // no error when one is not there

}  // namespace runtime
