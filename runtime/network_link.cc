#include "runtime/network_link.h"

#include "base/error.h"
#include "runtime/netlink.h"

namespace runtime {
namespace {

constexpr int kLoopbackIndex = 1;  // LOOPBACK_IFINDEX of the kernel, in every network namespace

}  // namespace

void configure_inside(const NetworkInterface& network) {
  LinkTable links;
  links.set_up(kLoopbackIndex);
  if (network.address.empty()) return;
  std::optional<int> interface = links.index(kContainerInterface);
  if (!interface) throw base::Error("set up the network", kContainerInterface, "no such interface");
  links.add_address(*interface, network.address, network.prefix);
  links.set_up(*interface);
  links.add_default_route(network.gateway);
}

}  // namespace runtime
