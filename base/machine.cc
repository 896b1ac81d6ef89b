#include "base/machine.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace base {
namespace {

std::string address_text(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = address->sa_family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  return ::inet_ntop(address->sa_family, bytes, text, sizeof(text)) == nullptr ? "" : text;
}

// connect(2) of a datagram socket only asks the routing table; 192.0.2.1 and 2001:db8::1 are documentation addresses.
std::string route_source(int family, const char* destination) {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  if (family == AF_INET) {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(9);
    ::inet_pton(AF_INET, destination, &address->sin_addr);
    length = sizeof(*address);
  } else {
    auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(9);
    ::inet_pton(AF_INET6, destination, &address->sin6_addr);
    length = sizeof(*address);
  }
  const Fd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return "";
  length = sizeof(storage);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "";
  return address_text(reinterpret_cast<sockaddr*>(&storage));
}

std::string first_interface_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "";
  std::string found;
  for (const ifaddrs* entry = list; entry != nullptr && found.empty(); entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if ((entry->ifa_flags & IFF_LOOPBACK) == 0 && (entry->ifa_flags & IFF_UP) != 0) {
      found = address_text(entry->ifa_addr);
    }
  }
  ::freeifaddrs(list);
  return found;
}

std::string unquote(std::string_view value) {
  if (value.size() < 2 || (value.front() != '"' && value.front() != '\'') || value.back() != value.front()) {
    return std::string(value);
  }
  std::string out;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '\\' && i + 2 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

}  // namespace

std::string machine_id() {
  const std::string id(trim(read_file("/etc/machine-id", 4096)));
  const bool valid = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!valid) throw Error("read", "/etc/machine-id", "want 32 hexadecimal digits (see systemd-machine-id-setup(1))");
  return id;
}

std::string boot_id() {
  std::string id(trim(read_file("/proc/sys/kernel/random/boot_id", 4096)));
  std::erase(id, '-');
  return id;
}

std::string host_name() {
  char name[256] = {};
  check(::gethostname(name, sizeof(name) - 1), "gethostname");
  return name;
}

std::string primary_address() {
  std::string address = route_source(AF_INET, "192.0.2.1");
  if (address.empty()) address = route_source(AF_INET6, "2001:db8::1");
  if (address.empty()) address = first_interface_address();
  return address.empty() ? "127.0.0.1" : address;
}

std::map<std::string, std::string> os_release() {
  auto text = read_file_if_exists("/etc/os-release");
  if (!text) text = read_file("/usr/lib/os-release");
  std::map<std::string, std::string> values;
  for (const auto& line : split(*text, '\n')) {
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string::npos) continue;
    values[line.substr(0, equals)] = unquote(trim(std::string_view(line).substr(equals + 1)));
  }
  return values;
}

std::uint64_t resident_bytes(int pid) {
  const auto status = read_file_if_exists(std::format("/proc/{}/status", pid));
  if (!status) return 0;
  const auto at = status->find("VmRSS:");
  if (at == std::string::npos) return 0;
  const auto words = split_words(std::string_view(*status).substr(at + 6, 64));
  return words.empty() ? 0 : parse_unsigned(words[0]).value_or(0) * 1024;
}

}  // namespace base
