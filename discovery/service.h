#pragma once
// SkyDNS records: the JSON at a key and the name that the key stands for. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "discovery/message.h"
#include "discovery/name.h"

namespace discovery {

// Where a record points: at an address, at a name, or (a text alone) at nothing.
using Host = std::variant<std::monostate, Ipv4, Ipv6, Name>;

// Members are SkyDNS's; zero and empty mean "not given".
struct Service {
  std::string host_text;
  Host host;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::string text;
  bool mail = false;
  std::uint32_t ttl = 0;  // seconds
  std::uint32_t target_strip = 0;
  std::string group;

  bool operator==(const Service&) const = default;
};

// Throws base::Error that names the member and what it may be.
Service parse_service(std::string_view json, std::string_view where);
base::Json to_json(const Service& service);  // only what was given

// An address literal or a name; nothing when it is neither.
std::optional<Host> parse_host(std::string_view text);

// "web.skydns.local" with prefix "skydns" ↔ "/skydns/local/skydns/web". Labels with a slash have no key.
std::optional<std::string> key_of(const Name& name, std::string_view prefix);
// Nothing for the prefix itself and for what is not below it, or no name.
std::optional<Name> name_of(std::string_view key, std::string_view prefix);

}  // namespace discovery
