#include "runtime/netlink.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>

#include "base/error.h"

namespace runtime {
namespace {

std::uint32_t parse_address(const std::string& address) {
  in_addr parsed = {};
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) throw base::Error("address", address, "not an IPv4 address");
  return parsed.s_addr;
}

void require(int error_number, std::string_view what, std::string_view object) {
  if (error_number != 0) throw base::Error(what, object, error_number);
}

}  // namespace

Netlink::Netlink(int bus) : socket_(mnl_socket_open2(bus, SOCK_CLOEXEC)) {
  if (socket_ == nullptr) base::throw_errno("open netlink");
  if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
    mnl_socket_close(socket_);
    base::throw_errno("bind netlink");
  }
  port_ = mnl_socket_get_portid(socket_);
}

Netlink::~Netlink() {
  mnl_socket_close(socket_);
}

nlmsghdr* Netlink::begin(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer_.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  message->nlmsg_seq = next_sequence();
  return message;
}

int Netlink::dump(nlmsghdr* message, int (*visit)(const nlmsghdr*, void*), void* data) {
  std::uint32_t sequence = message->nlmsg_seq;
  if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return errno;
  std::array<char, 65536> answer;
  for (;;) {
    ssize_t length = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    int result = mnl_cb_run(answer.data(), static_cast<std::size_t>(length), sequence, port_, visit, data);
    if (result == MNL_CB_ERROR) return errno;
    if (result == MNL_CB_STOP) return 0;
  }
}

int Netlink::request(nlmsghdr* message) {
  return dump(message, [](const nlmsghdr*, void*) -> int { return MNL_CB_OK; }, nullptr);
}

int Netlink::send_batch(const void* data, std::size_t size, unsigned acknowledgements) {
  if (mnl_socket_sendto(socket_, data, size) < 0) return errno;
  std::array<char, 65536> answer;
  int first_error = 0;
  while (acknowledgements > 0) {
    ssize_t length = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    int left = static_cast<int>(length);
    for (const nlmsghdr* part = reinterpret_cast<const nlmsghdr*>(answer.data()); mnl_nlmsg_ok(part, left);
         part = mnl_nlmsg_next(part, &left)) {
      if (part->nlmsg_type != NLMSG_ERROR) continue;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(part));
      if (error->error != 0 && first_error == 0) first_error = -error->error;
      // A batch with an error is answered with that error alone.
      if (error->error != 0) return first_error;
      acknowledgements--;
    }
  }
  return first_error;
}

LinkTable::LinkTable() : netlink_(NETLINK_ROUTE) {}

std::optional<int> LinkTable::index(const std::string& name) {
  nlmsghdr* message = netlink_.begin(RTM_GETLINK, 0);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  int found = 0;
  int error = netlink_.dump(
      message,
      [](const nlmsghdr* answer, void* data) -> int {
        *static_cast<int*>(data) = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(answer))->ifi_index;
        return MNL_CB_OK;
      },
      &found);
  if (error == ENODEV) return std::nullopt;
  require(error, "look up interface", name);
  return found;
}

void LinkTable::add_bridge(const std::string& name) {
  nlmsghdr* message = netlink_.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
  mnl_attr_nest_end(message, info);
  require(netlink_.request(message), "make bridge", name);
}

void LinkTable::add_veth(const std::string& name, int master, const std::string& peer, int pid) {
  nlmsghdr* message = netlink_.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(message, IFLA_MASTER, static_cast<std::uint32_t>(master));
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  nlattr* other = mnl_attr_nest_start(message, VETH_INFO_PEER);
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, peer.c_str());
  mnl_attr_put_u32(message, IFLA_NET_NS_PID, static_cast<std::uint32_t>(pid));
  mnl_attr_nest_end(message, other);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  require(netlink_.request(message), "make interface", name);
}

void LinkTable::remove(const std::string& name) {
  nlmsghdr* message = netlink_.begin(RTM_DELLINK, 0);
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  int error = netlink_.request(message);
  if (error != ENODEV) require(error, "remove interface", name);
}

void LinkTable::set_up(int index) {
  nlmsghdr* message = netlink_.begin(RTM_NEWLINK, 0);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_index = index;
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  require(netlink_.request(message), "bring up interface", std::to_string(index));
}

void LinkTable::add_address(int index, const std::string& address, unsigned prefix) {
  nlmsghdr* message = netlink_.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  header->ifa_family = AF_INET;
  header->ifa_prefixlen = static_cast<unsigned char>(prefix);
  header->ifa_index = static_cast<unsigned>(index);
  std::uint32_t binary = parse_address(address);
  std::uint32_t broadcast = binary | htonl(prefix >= 32 ? 0 : 0xffffffffU >> prefix);
  mnl_attr_put_u32(message, IFA_LOCAL, binary);
  mnl_attr_put_u32(message, IFA_ADDRESS, binary);
  mnl_attr_put_u32(message, IFA_BROADCAST, broadcast);
  int error = netlink_.request(message);
  if (error != EEXIST) require(error, "add address", address);
}

std::vector<LinkAddress> LinkTable::addresses(int index) {
  nlmsghdr* message = netlink_.begin(RTM_GETADDR, NLM_F_DUMP);
  auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  header->ifa_family = AF_UNSPEC;
  struct Found {
    unsigned index;
    std::vector<LinkAddress> list;
  } found{.index = static_cast<unsigned>(index), .list = {}};
  auto visit = [](const nlmsghdr* answer, void* data) -> int {
    auto* wanted = static_cast<Found*>(data);
    const auto* about = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(answer));
    if (about->ifa_index != wanted->index || about->ifa_scope != RT_SCOPE_UNIVERSE) return MNL_CB_OK;
    LinkAddress address{.family = about->ifa_family, .prefix = about->ifa_prefixlen, .flags = about->ifa_flags};
    for (const nlattr* part = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(answer, sizeof(ifaddrmsg)));
         mnl_attr_ok(part, static_cast<int>(static_cast<const char*>(mnl_nlmsg_get_payload_tail(answer)) -
                                            reinterpret_cast<const char*>(part)));
         part = mnl_attr_next(part)) {
      std::string bytes(static_cast<const char*>(mnl_attr_get_payload(part)), mnl_attr_get_payload_len(part));
      if (mnl_attr_get_type(part) == IFA_ADDRESS) address.address = bytes;
      if (mnl_attr_get_type(part) == IFA_LOCAL) address.local = bytes;
      if (mnl_attr_get_type(part) == IFA_BROADCAST) address.broadcast = bytes;
      if (mnl_attr_get_type(part) == IFA_FLAGS && bytes.size() == sizeof(std::uint32_t)) {
        address.flags = mnl_attr_get_u32(part);
      }
    }
    if ((address.flags & IFA_F_PERMANENT) != 0) wanted->list.push_back(address);
    return MNL_CB_OK;
  };
  require(netlink_.dump(message, visit, &found), "list the addresses of interface", std::to_string(index));
  return found.list;
}

void LinkTable::add_address(int index, const LinkAddress& address) {
  nlmsghdr* message = netlink_.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  header->ifa_family = address.family;
  header->ifa_prefixlen = address.prefix;
  header->ifa_index = static_cast<unsigned>(index);
  header->ifa_scope = RT_SCOPE_UNIVERSE;
  // What a person has chosen, and not what the kernel has found out.
  mnl_attr_put_u32(message, IFA_FLAGS, address.flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS));
  const std::pair<std::uint16_t, const std::string*> parts[] = {
      {IFA_ADDRESS, &address.address}, {IFA_LOCAL, &address.local}, {IFA_BROADCAST, &address.broadcast}};
  for (const auto& [type, bytes] : parts) {
    if (!bytes->empty()) mnl_attr_put(message, type, bytes->size(), bytes->data());
  }
  int error = netlink_.request(message);
  if (error != EEXIST) require(error, "add an address to interface", std::to_string(index));
}

void LinkTable::move(int index, const std::string& name, const base::Fd& network_namespace) {
  nlmsghdr* message = netlink_.begin(RTM_NEWLINK, 0);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_index = index;
  link->ifi_change = IFF_UP;  // down, so that it can be renamed
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(message, IFLA_NET_NS_FD, static_cast<std::uint32_t>(network_namespace.get()));
  require(netlink_.request(message), "move an interface to be", name);
}

void LinkTable::add_default_route(const std::string& gateway) {
  nlmsghdr* message = netlink_.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  route->rtm_family = AF_INET;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_protocol = RTPROT_STATIC;
  route->rtm_scope = RT_SCOPE_UNIVERSE;
  route->rtm_type = RTN_UNICAST;
  mnl_attr_put_u32(message, RTA_GATEWAY, parse_address(gateway));
  require(netlink_.request(message), "add the default route by", gateway);
}

}  // namespace runtime
