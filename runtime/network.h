#pragma once
// The containers' network on this machine: one bridge, an address each, published ports. Addresses are kept in
// <state>/.network.json under a lock; docs/runtime.md has the picture.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "runtime/nft_rules.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {

// An IPv4 network; the first address is the bridge's, the last is its broadcast address.
struct Subnet {
  std::uint32_t network = 0;  // host byte order
  unsigned prefix = 0;        // 16 to 30
  std::string text() const;   // "172.31.128.0/20"
  bool contains(std::uint32_t address) const;
};
inline constexpr std::string_view kDefaultSubnet = "172.31.128.0/20";
inline constexpr std::string_view kBridge = "cos0";

// Throws base::Error("network", text, …).
Subnet parse_subnet(std::string_view text);
std::string address_text(std::uint32_t address);  // of host byte order

// The lowest address that is not in `taken`. Nothing when all are.
std::optional<std::uint32_t> free_address(const Subnet& subnet, const std::vector<std::uint32_t>& taken);

class Network {
 public:
  Network(StateStore& store, Subnet subnet) : store_(store), subnet_(subnet) {}

  // Reserves an address for the container, or the pod; the same as long as it has one (those of containers that are
  // gone are free again when their links are).
  NetworkInterface reserve(const std::string& container);
  // Makes bridge, packet filter and the container's link. `pid`: a process in its network namespace.
  void connect(const std::string& container, const NetworkInterface& interface, int pid);
  void publish_all(const std::vector<PublishedPort>& ports, const std::string& address);
  // Takes back ports and address. The link goes with the container's network namespace, and the address is not given
  // out before. Safe to repeat, and for a container that never had any.
  void release(const ContainerState& state);
  void release_address(const std::string& owner);

 private:
  StateStore& store_;
  Subnet subnet_;
};

std::string host_port_text(const PublishedPort& port);  // "8080/tcp"

// Holds the host's side of a published port, so that no other program of the host takes it and a second container is
// told so. The socket never gets a packet. Throws base::Error when the port is in use.
enum class PortClaim {
  kAlone,
  kWithPod,  // the members of a pod hold its ports, each for itself; no other kind of socket gets them then
};
base::Fd claim_port(const PublishedPort& port, PortClaim claim = PortClaim::kAlone);

// The nameservers of a resolv.conf(5) that a container can reach, with its search and options lines: loopback
// addresses are left out. `fallback` is used when none is left (the list behind systemd-resolved's own server).
std::string resolver_configuration(std::string_view host, std::string_view fallback,
                                   const std::vector<std::string>& servers);

}  // namespace runtime
