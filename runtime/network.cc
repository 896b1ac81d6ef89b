#include "runtime/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/netlink.h"
#include "runtime/network_link.h"
#include "runtime/pod_store.h"

namespace runtime {
namespace {

constexpr std::string_view kLinkPrefix = "cv";

// "cv" and the first letters of the id: at most 15 characters, no name of a user's own.
std::string link_name(const std::string& container) {
  return std::string(kLinkPrefix) + container.substr(0, 12);
}

bool link_exists(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

constexpr const char* kAddressesFile = ".network.json";

std::string addresses_path(const StateStore& store) {
  return store.directory() + "/" + kAddressesFile;
}

// What the addresses' file maps to an address is a container's id, or the name of a link that outlives its container:
// the kernel takes a link away with its network namespace, some milliseconds after the last process in it. To ask for
// that (RTM_DELLINK) is to wait until it has happened, and that takes longer than the rest of a short container.
// Both with the store's lock held.
base::Json load_addresses(const StateStore& store) {
  base::remove_temporary_files_at(base::open_directory(store.directory()), kAddressesFile);
  std::optional<std::string> text = base::read_file_if_exists(addresses_path(store));
  base::Json json = text ? base::parse_json(*text, addresses_path(store)) : base::Json::object();
  if (!json.is_object()) throw base::Error("read", addresses_path(store), "not an object");
  return json;
}

void save_addresses(const StateStore& store, const base::Json& json) {
  base::write_file_atomic(addresses_path(store), base::to_text(json, 1) + "\n", 0600);
}

std::optional<std::uint32_t> parse_ipv4(const std::string& text) {
  in_addr parsed = {};
  if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) return std::nullopt;
  return ntohl(parsed.s_addr);
}

void set_sysctl(const std::string& name, const std::string& value) {
  std::string path = "/proc/sys/net/ipv4/" + name;
  if (base::trim(base::read_file(path)) == value) return;
  base::write_all(base::open_file(path, O_WRONLY), value);
  base::log_info("set {} to {} for the containers' network", path, value);
}

// Returns its index.
int ensure_bridge(LinkTable& links, const Subnet& subnet) {
  const std::string bridge(kBridge);
  if (!links.index(bridge)) {
    try {
      links.add_bridge(bridge);
    } catch (const base::Error& error) {
      if (error.error_number() != EEXIST) throw;
    }
  }
  int index = links.index(bridge).value_or(0);
  links.add_address(index, address_text(subnet.network + 1), subnet.prefix);
  links.set_up(index);
  ensure_table(bridge, address_text(subnet.network), subnet.prefix);
  set_sysctl("ip_forward", "1");
  set_sysctl("conf/" + bridge + "/route_localnet", "1");
  return index;
}

}  // namespace

std::string Subnet::text() const {
  return address_text(network) + "/" + std::to_string(prefix);
}

bool Subnet::contains(std::uint32_t address) const {
  return (address ^ network) >> (32 - prefix) == 0;
}

Subnet parse_subnet(std::string_view text) {
  std::size_t slash = text.find('/');
  std::optional<std::uint32_t> address = parse_ipv4(std::string(text.substr(0, slash)));
  std::optional<std::uint64_t> prefix;
  if (slash != std::string_view::npos) prefix = base::parse_unsigned(text.substr(slash + 1));
  if (!address || !prefix || *prefix < 16 || *prefix > 30) {
    throw base::Error("network", text, "expected an IPv4 network with a prefix of 16 to 30, as 172.31.128.0/20");
  }
  Subnet subnet{.network = *address, .prefix = static_cast<unsigned>(*prefix)};
  if ((subnet.network & (~0u >> subnet.prefix)) != 0) {
    throw base::Error("network", text, "the address has bits beyond its prefix");
  }
  return subnet;
}

std::string address_text(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string((address >> 16) & 255) + "." +
         std::to_string((address >> 8) & 255) + "." + std::to_string(address & 255);
}

std::optional<std::uint32_t> free_address(const Subnet& subnet, const std::vector<std::uint32_t>& taken) {
  std::uint32_t last = subnet.network | (~0u >> subnet.prefix);
  for (std::uint32_t address = subnet.network + 2; address < last; address++) {
    if (std::ranges::find(taken, address) == taken.end()) return address;
  }
  return std::nullopt;
}

NetworkInterface Network::reserve(const std::string& container) {
  base::Fd held = store_.lock_all();
  base::Json json = load_addresses(store_);
  std::vector<std::string> existing = store_.ids();
  for (std::string& pod : PodStore(store_).ids()) existing.push_back(std::move(pod));
  std::vector<std::uint32_t> taken;
  base::Json kept = base::Json::object();
  for (const auto& [owner, address] : json.items()) {
    if (!address.is_string()) continue;
    bool known = std::ranges::find(existing, owner) != existing.end();
    if (!known && !link_exists(owner.starts_with(kLinkPrefix) ? owner : link_name(owner))) continue;
    kept[owner] = address;
    if (auto number = parse_ipv4(address.get<std::string>())) taken.push_back(*number);
  }
  std::optional<std::uint32_t> address;
  if (kept.contains(container)) address = parse_ipv4(kept[container].get<std::string>());
  if (!address || !subnet_.contains(*address)) address = free_address(subnet_, taken);
  if (!address) throw base::Error("network", subnet_.text(), "every address is taken");
  kept[container] = address_text(*address);
  save_addresses(store_, kept);
  return {.address = address_text(*address), .prefix = subnet_.prefix, .gateway = address_text(subnet_.network + 1)};
}

void Network::connect(const std::string& container, const NetworkInterface& interface, int pid) {
  if (interface.address.empty()) return;
  base::Fd held = store_.lock_all();
  LinkTable links;
  int bridge = ensure_bridge(links, subnet_);
  std::string name = link_name(container);
  try {
    links.add_veth(name, bridge, kContainerInterface, pid);
  } catch (const base::Error& error) {
    // That of its last run, which somebody still holds, or which the kernel is about to take away.
    if (error.error_number() != EEXIST) throw;
    links.remove(name);
    links.add_veth(name, bridge, kContainerInterface, pid);
  }
}

void Network::publish_all(const std::vector<PublishedPort>& ports, const std::string& address) {
  publish(ports, address);
}

void Network::release(const ContainerState& state) {
  if (state.network != "bridge") return;
  withdraw(state.ports);
  release_address(state.id);
}

void Network::release_address(const std::string& owner) {
  base::Fd held = store_.lock_all();
  base::Json json = load_addresses(store_);
  auto entry = json.find(owner);
  if (entry == json.end()) return;
  base::Json address = std::move(*entry);
  json.erase(entry);
  std::string link = link_name(owner);
  if (link_exists(link)) json[link] = std::move(address);
  save_addresses(store_, json);
}

std::string host_port_text(const PublishedPort& port) {
  return std::to_string(port.host_port) + (port.protocol == Protocol::kTcp ? "/tcp" : "/udp");
}

base::Fd claim_port(const PublishedPort& port, PortClaim claim) {
  int type = port.protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  base::Fd claimed(base::check(socket(AF_INET, type | SOCK_CLOEXEC, 0), "make a socket"));
  if (claim == PortClaim::kWithPod) {
    int on = 1;
    base::check(setsockopt(claimed.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "share a port");
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.host_port);
  base::check(bind(claimed.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "publish port",
              host_port_text(port));
  return claimed;
}

std::string resolver_configuration(std::string_view host, std::string_view fallback,
                                   const std::vector<std::string>& servers) {
  std::vector<std::string> nameservers = servers;
  std::string others;
  auto read = [&](std::string_view text, bool with_others) {
    for (const std::string& line : base::split(text, '\n')) {
      std::vector<std::string> words = base::split_words(line);
      if (words.size() < 2) continue;
      bool usable = !words[1].starts_with("127.") && words[1] != "::1";
      if (words[0] == "nameserver" && servers.empty() && usable) nameservers.push_back(words[1]);
      if (with_others && (words[0] == "search" || words[0] == "options")) others += base::join(words, " ") + "\n";
    }
  };
  read(host, true);
  if (nameservers.empty()) read(fallback, false);
  std::string result;
  for (const std::string& server : nameservers) result += "nameserver " + server + "\n";
  return result + others;
}

}  // namespace runtime
