#include "runtime/network_link.h"

#include "base/error.h"
#include "runtime/netlink.h"

namespace runtime {

void configure_inside(const NetworkInterface& network) {
  LinkTable links;
  std::optional<int> loopback = links.index("lo");
  if (!loopback) throw base::Error("set up the network", "lo", "no such interface");
  links.set_up(*loopback);
  if (network.address.empty()) return;
  std::optional<int> interface = links.index(kContainerInterface);
  if (!interface) throw base::Error("set up the network", kContainerInterface, "no such interface");
  links.add_address(*interface, network.address, network.prefix);
  links.set_up(*interface);
  links.add_default_route(network.gateway);
}

}  // namespace runtime
