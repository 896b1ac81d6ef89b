// Rules are built as the kernel's expressions (libnftnl), since nft(8)'s parser exists as a shared library only. Each
// function below adds one expression and is named after what nft(8) writes; a rule reads as in the manual.
//
// 127.0.0.1:PORT of the host itself works by redirection in the output chain plus route_localnet on the bridge. That
// setting alone would let a container reach the host's loopback services (CVE-2020-8558), so the first chain drops what
// comes from the bridge with such an address, before connection tracking.

#include "runtime/nft_rules.h"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "base/error.h"
#include "runtime/netlink.h"

namespace runtime {
namespace {

constexpr const char* kTable = "clusteros";
constexpr std::uint32_t kInetService = 13;                     // nft's number of the type
constexpr std::uint32_t kAddressAndService = (7u << 6) | 13u;  // ipv4_addr . inet_service
constexpr std::size_t kAddressOffset = 16;                     // destination in the IPv4 header
constexpr std::size_t kSourceOffset = 12;
constexpr std::size_t kPortsAtOnce = 64;  // well below a Batch's room

const char* map_name(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp_ports" : "udp_ports";
}

std::uint32_t ipv4(const std::string& text) {
  in_addr parsed = {};
  if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) throw base::Error("address", text, "not an IPv4 address");
  return parsed.s_addr;
}

std::uint32_t mask_of(unsigned prefix) {
  return prefix == 0 ? 0 : htonl(~0u << (32 - prefix));
}

// Messages of one transaction.
class Batch {
 public:
  Batch() : buffer_(65536), batch_(mnl_nlmsg_batch_start(buffer_.data(), buffer_.size() / 2)) {
    frame(NFNL_MSG_BATCH_BEGIN);
  }
  ~Batch() { mnl_nlmsg_batch_stop(batch_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  nlmsghdr* begin(std::uint16_t type, std::uint16_t flags) {
    messages_++;
    return nftnl_nlmsg_build_hdr(static_cast<char*>(mnl_nlmsg_batch_current(batch_)), type, NFPROTO_IPV4,
                                 static_cast<std::uint16_t>(flags | NLM_F_ACK), sequence_++);
  }
  void end() {
    if (!mnl_nlmsg_batch_next(batch_)) throw base::Error("change the packet filter", "", "too many rules at once");
  }
  // 0 or an errno.
  int commit() {
    frame(NFNL_MSG_BATCH_END);
    Netlink netlink(NETLINK_NETFILTER);
    return netlink.send_batch(mnl_nlmsg_batch_head(batch_), mnl_nlmsg_batch_size(batch_), messages_);
  }

 private:
  void frame(std::uint16_t type) {
    nlmsghdr* message = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch_));
    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST;
    message->nlmsg_seq = sequence_++;
    auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    header->res_id = htons(NFNL_SUBSYS_NFTABLES);
    mnl_nlmsg_batch_next(batch_);
  }
  std::vector<char> buffer_;
  mnl_nlmsg_batch* batch_;
  std::uint32_t sequence_ = 1;
  unsigned messages_ = 0;
};

// A rule under construction.
class Rule {
 public:
  explicit Rule(const char* chain) : rule_(nftnl_rule_alloc()) {
    nftnl_rule_set_str(rule_, NFTNL_RULE_TABLE, kTable);
    nftnl_rule_set_str(rule_, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(rule_, NFTNL_RULE_FAMILY, NFPROTO_IPV4);
  }
  ~Rule() { nftnl_rule_free(rule_); }
  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;

  Rule& input_is(const std::string& name) { return interface(NFT_META_IIFNAME, NFT_CMP_EQ, name); }
  Rule& input_is_not(const std::string& name) { return interface(NFT_META_IIFNAME, NFT_CMP_NEQ, name); }
  Rule& output_is(const std::string& name) { return interface(NFT_META_OIFNAME, NFT_CMP_EQ, name); }
  Rule& output_is_not(const std::string& name) { return interface(NFT_META_OIFNAME, NFT_CMP_NEQ, name); }

  Rule& source_in(std::uint32_t network, std::uint32_t mask) { return address_in(kSourceOffset, network, mask); }
  Rule& destination_in(std::uint32_t network, std::uint32_t mask) { return address_in(kAddressOffset, network, mask); }

  // fib daddr type local
  Rule& destination_is_ours() {
    nftnl_expr* fib = add("fib");
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    std::uint32_t local = RTN_LOCAL;
    return compare(NFT_CMP_EQ, &local, sizeof local);
  }

  Rule& protocol_is(Protocol protocol) {
    nftnl_expr* meta = add("meta");
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
    std::uint8_t number = protocol == Protocol::kTcp ? IPPROTO_TCP : IPPROTO_UDP;
    return compare(NFT_CMP_EQ, &number, sizeof number);
  }

  // ct KEY & bits (==|!=) 0
  Rule& connection(std::uint32_t key, std::uint32_t bits, bool any) {
    nftnl_expr* ct = add("ct");
    nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
    mask(bits);
    std::uint32_t zero = 0;
    return compare(any ? NFT_CMP_NEQ : NFT_CMP_EQ, &zero, sizeof zero);
  }

  // dnat to th dport map @NAME
  Rule& redirect_by(Protocol protocol) {
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    nftnl_expr* lookup = add("lookup");
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_2);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, map_name(protocol));
    nftnl_expr* nat = add("nat");
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_2);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG32_05);  // the word after the address
    return *this;
  }

  Rule& masquerade() {
    add("masq");
    return *this;
  }

  Rule& drop() {
    nftnl_expr* verdict = add("immediate");
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
    return *this;
  }

  void append_to(Batch& batch) {
    nlmsghdr* message = batch.begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    nftnl_rule_nlmsg_build_payload(message, rule_);
    batch.end();
  }

 private:
  nftnl_expr* add(const char* name) {
    nftnl_expr* expression = nftnl_expr_alloc(name);
    if (expression == nullptr) throw base::Error("change the packet filter", name, "unknown expression");
    nftnl_rule_add_expr(rule_, expression);
    return expression;
  }
  Rule& compare(std::uint32_t op, const void* data, std::size_t size) {
    nftnl_expr* cmp = add("cmp");
    nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(cmp, NFTNL_EXPR_CMP_DATA, data, static_cast<std::uint32_t>(size));
    return *this;
  }
  void mask(std::uint32_t bits) {
    std::uint32_t zero = 0;
    nftnl_expr* bitwise = add("bitwise");
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, sizeof bits);
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof bits);
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof zero);
  }
  void payload(std::uint32_t base_header, std::size_t offset, std::size_t length) {
    nftnl_expr* load = add("payload");
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, base_header);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, static_cast<std::uint32_t>(offset));
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, static_cast<std::uint32_t>(length));
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  }
  Rule& address_in(std::size_t offset, std::uint32_t network, std::uint32_t bits) {
    payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 4);
    mask(bits);
    std::uint32_t masked = network & bits;
    return compare(NFT_CMP_EQ, &masked, sizeof masked);
  }
  Rule& interface(std::uint32_t key, std::uint32_t op, const std::string& name) {
    nftnl_expr* meta = add("meta");
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
    std::array<char, IFNAMSIZ> padded = {};
    std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
    return compare(op, padded.data(), padded.size());
  }
  nftnl_rule* rule_;
};

void add_table(Batch& batch) {
  std::unique_ptr<nftnl_table, void (*)(const nftnl_table*)> table(nftnl_table_alloc(), nftnl_table_free);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, kTable);
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, NFPROTO_IPV4);
  nlmsghdr* message = batch.begin(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  nftnl_table_nlmsg_build_payload(message, table.get());
  batch.end();
}

void add_chain(Batch& batch, const char* name, const char* type, std::uint32_t hook, int priority) {
  std::unique_ptr<nftnl_chain, void (*)(const nftnl_chain*)> chain(nftnl_chain_alloc(), nftnl_chain_free);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, kTable);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, type);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, hook);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, priority);
  nlmsghdr* message = batch.begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  nftnl_chain_nlmsg_build_payload(message, chain.get());
  batch.end();
}

using Set = std::unique_ptr<nftnl_set, void (*)(const nftnl_set*)>;

Set map_of(Protocol protocol) {
  Set set(nftnl_set_alloc(), nftnl_set_free);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, map_name(protocol));
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_IPV4);
  return set;
}

void add_map(Batch& batch, Protocol protocol) {
  Set set = map_of(protocol);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, protocol == Protocol::kTcp ? 1 : 2);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_MAP);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, kInetService);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, 2);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_TYPE, kAddressAndService);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_LEN, 8);
  // Tells nft(8) to print both in network byte order.
  std::unique_ptr<nftnl_udata_buf, void (*)(const nftnl_udata_buf*)> notes(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN),
                                                                           nftnl_udata_buf_free);
  constexpr std::uint32_t kBigEndian = 2;
  nftnl_udata_put_u32(notes.get(), NFTNL_UDATA_SET_KEYBYTEORDER, kBigEndian);
  nftnl_udata_put_u32(notes.get(), NFTNL_UDATA_SET_DATABYTEORDER, kBigEndian);
  nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, nftnl_udata_buf_data(notes.get()),
                     nftnl_udata_buf_len(notes.get()));
  nlmsghdr* message = batch.begin(NFT_MSG_NEWSET, NLM_F_CREATE);
  nftnl_set_nlmsg_build_payload(message, set.get());
  batch.end();
}

void element(Batch& batch, std::uint16_t type, const PublishedPort& port, const std::string* address) {
  Set set = map_of(port.protocol);
  nftnl_set_elem* entry = nftnl_set_elem_alloc();
  std::uint16_t key = htons(port.host_port);
  nftnl_set_elem_set(entry, NFTNL_SET_ELEM_KEY, &key, sizeof key);
  if (address != nullptr) {
    struct {
      std::uint32_t address;
      std::uint16_t port;
      std::uint16_t padding;
    } value = {ipv4(*address), htons(port.container_port), 0};
    nftnl_set_elem_set(entry, NFTNL_SET_ELEM_DATA, &value, sizeof value);
  }
  nftnl_set_elem_add(set.get(), entry);
  nlmsghdr* message = batch.begin(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
  nftnl_set_elems_nlmsg_build_payload(message, set.get());
  batch.end();
}

std::string text_of(std::span<const PublishedPort> ports) {
  std::string text;
  for (const PublishedPort& port : ports) {
    text += (text.empty() ? "" : ", ") + std::string(map_name(port.protocol)) + " " + std::to_string(port.host_port);
  }
  return text;
}

void require(int error_number, const std::string& object) {
  if (error_number != 0) throw base::Error("change the packet filter", object, error_number);
}

// A question costs microseconds; a transaction, also one that finds the table there and is taken back, waits for what
// the kernel's other processors are reading: milliseconds.
bool table_is_there() {
  Netlink netlink(NETLINK_NETFILTER);
  std::array<char, 4096> buffer;
  std::unique_ptr<nftnl_table, void (*)(const nftnl_table*)> table(nftnl_table_alloc(), nftnl_table_free);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, kTable);
  nlmsghdr* message = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, NFPROTO_IPV4, NLM_F_ACK, 1);
  nftnl_table_nlmsg_build_payload(message, table.get());
  return netlink.request(message) == 0;
}

}  // namespace

void ensure_table(const std::string& bridge, const std::string& network, unsigned prefix) {
  if (table_is_there()) return;
  const std::uint32_t mask = mask_of(prefix);
  const std::uint32_t ours = ipv4(network) & mask;
  const std::uint32_t loopback = htonl(0x7f000000);
  const std::uint32_t loopback_mask = htonl(0xff000000);

  Batch batch;
  add_table(batch);
  add_map(batch, Protocol::kTcp);
  add_map(batch, Protocol::kUdp);
  add_chain(batch, "guard", "filter", NF_INET_PRE_ROUTING, -300);
  add_chain(batch, "prerouting", "nat", NF_INET_PRE_ROUTING, -100);
  add_chain(batch, "output", "nat", NF_INET_LOCAL_OUT, -100);
  add_chain(batch, "forward", "filter", NF_INET_FORWARD, 0);
  add_chain(batch, "postrouting", "nat", NF_INET_POST_ROUTING, 100);

  Rule("guard").input_is(bridge).destination_in(loopback, loopback_mask).drop().append_to(batch);
  for (const char* chain : {"prerouting", "output"}) {
    for (Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
      Rule(chain).destination_is_ours().protocol_is(protocol).redirect_by(protocol).append_to(batch);
    }
  }
  Rule("forward")
      .output_is(bridge)
      .input_is_not(bridge)
      .connection(NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), false)
      .connection(NFT_CT_STATUS, IPS_DST_NAT, false)
      .drop()
      .append_to(batch);
  Rule("postrouting").source_in(ours, mask).output_is_not(bridge).masquerade().append_to(batch);
  Rule("postrouting").source_in(loopback, loopback_mask).output_is(bridge).masquerade().append_to(batch);
  Rule("postrouting")
      .source_in(ours, mask)
      .output_is(bridge)
      .connection(NFT_CT_STATUS, IPS_DST_NAT, true)
      .masquerade()
      .append_to(batch);

  int error = batch.commit();
  if (error != EEXIST) require(error, std::string("table ip ") + kTable);
}

void publish(std::span<const PublishedPort> ports, const std::string& address) {
  for (; !ports.empty(); ports = ports.subspan(std::min(ports.size(), kPortsAtOnce))) {
    std::span<const PublishedPort> part = ports.first(std::min(ports.size(), kPortsAtOnce));
    Batch batch;
    for (const PublishedPort& port : part) {
      element(batch, NFT_MSG_DESTROYSETELEM, port, nullptr);
      element(batch, NFT_MSG_NEWSETELEM, port, &address);
    }
    require(batch.commit(), text_of(part));
  }
}

void withdraw(std::span<const PublishedPort> ports) {
  for (; !ports.empty(); ports = ports.subspan(std::min(ports.size(), kPortsAtOnce))) {
    std::span<const PublishedPort> part = ports.first(std::min(ports.size(), kPortsAtOnce));
    Batch batch;
    for (const PublishedPort& port : part) element(batch, NFT_MSG_DESTROYSETELEM, port, nullptr);
    int error = batch.commit();
    if (error != ENOENT) require(error, text_of(part));
  }
}

}  // namespace runtime
