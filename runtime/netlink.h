#pragma once
// rtnetlink(7): links, addresses and routes of the network namespace that the caller is in. Throws base::Error.
// REQUIRES: CAP_NET_ADMIN there.

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace runtime {

// One netlink socket; one thread.
class Netlink {
 public:
  explicit Netlink(int bus);  // NETLINK_ROUTE, NETLINK_NETFILTER
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  // Sends a request made by begin() and waits for its acknowledgement. Returns 0 or the errno that the kernel answered.
  int request(nlmsghdr* message);
  // A new message in this object's buffer (which the next one replaces), acknowledged.
  nlmsghdr* begin(std::uint16_t type, std::uint16_t flags);
  // A message with the data of an answer, given to `visit`.
  int dump(nlmsghdr* message, int (*visit)(const nlmsghdr*, void*), void* data);
  // For batches: raw bytes with `acknowledgements` messages that are acknowledged. 0 or the first errno.
  int send_batch(const void* data, std::size_t size, unsigned acknowledgements);

  mnl_socket* socket() { return socket_; }
  std::uint32_t next_sequence() { return ++sequence_; }

 private:
  mnl_socket* socket_;
  std::uint32_t port_ = 0;
  std::uint32_t sequence_ = 0;
  std::array<char, 8192> buffer_{};
};

// An address of an interface as the kernel tells it (IFA_ADDRESS, IFA_LOCAL and IFA_BROADCAST of struct ifaddrmsg).
struct LinkAddress {
  unsigned char family = 0;
  unsigned char prefix = 0;
  std::uint32_t flags = 0;                               // IFA_F_*
  std::string address = {}, local = {}, broadcast = {};  // 4 or 16 bytes, or none
};

class LinkTable {
 public:
  LinkTable();

  std::optional<int> index(const std::string& name);
  void add_bridge(const std::string& name);
  // `name` here, with `master` as its bridge; its other end is `peer` in the network namespace of process `pid`.
  void add_veth(const std::string& name, int master, const std::string& peer, int pid);
  void remove(const std::string& name);  // no error when it is not there
  void set_up(int index);
  void add_address(int index, const std::string& address, unsigned prefix);  // existing: no error
  // The permanent ones that are good beyond this machine.
  std::vector<LinkAddress> addresses(int index);
  void add_address(int index, const LinkAddress& address);  // existing: no error
  // To another network namespace, under this name.
  void move(int index, const std::string& name, const base::Fd& network_namespace);
  void add_default_route(const std::string& gateway);

 private:
  Netlink netlink_;
};

}  // namespace runtime
