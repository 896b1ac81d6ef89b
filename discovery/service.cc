#include "discovery/service.h"

#include <arpa/inet.h>

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/text.h"

namespace discovery {
namespace {

constexpr std::size_t kMaxText = 16 * 1024;  // bytes; more could not be sent beside anything else

[[noreturn]] void refuse(const std::string& reason) {
  throw base::Error("", "", reason);
}

std::uint32_t ranged(const base::Json& json, const char* member, std::uint32_t high) {
  const std::int64_t value = base::json_integer(json, member);
  if (value < 0 || value > high) refuse(std::format("\"{}\" is {}, allowed is 0 to {}", member, value, high));
  return static_cast<std::uint32_t>(value);
}

Service parse_members(const base::Json& json) {
  if (!json.is_object()) refuse("it is no JSON object");
  Service service;
  service.host_text = base::json_string(json, "host");
  const auto host = parse_host(service.host_text);
  if (!host) refuse(std::format("\"host\" is '{}', neither an address nor a name", service.host_text));
  service.host = *host;
  service.port = static_cast<std::uint16_t>(ranged(json, "port", UINT16_MAX));
  service.priority = static_cast<std::uint16_t>(ranged(json, "priority", UINT16_MAX));
  service.weight = static_cast<std::uint16_t>(ranged(json, "weight", UINT16_MAX));
  service.text = base::json_string(json, "text");
  if (service.text.size() > kMaxText) refuse(std::format("\"text\" is longer than {} bytes", kMaxText));
  service.mail = base::json_bool(json, "mail");
  service.ttl = ranged(json, "ttl", INT32_MAX);
  service.target_strip = ranged(json, "targetstrip", INT32_MAX);
  service.group = base::json_string(json, "group");
  return service;
}

}  // namespace

std::optional<Host> parse_host(std::string_view text) {
  if (text.empty()) return Host{};
  const std::string copy(text);
  Ipv4 v4{};
  if (inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return Host{v4};
  Ipv6 v6{};
  if (inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) return Host{v6};
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; });
  const auto name = printable ? parse_name(text) : std::nullopt;
  if (!name || name->empty()) return {};
  return Host{*name};
}

Service parse_service(std::string_view text, std::string_view where) {
  const base::Json json = base::parse_json(text, where, 64 * 1024);
  try {
    return parse_members(json);
  } catch (const base::Error& error) {
    throw base::Error("read", where, error.what());
  }
}

base::Json to_json(const Service& service) {
  base::Json json = base::Json::object();
  if (!service.host_text.empty()) json["host"] = service.host_text;
  if (service.port != 0) json["port"] = service.port;
  if (service.priority != 0) json["priority"] = service.priority;
  if (service.weight != 0) json["weight"] = service.weight;
  if (!service.text.empty()) json["text"] = service.text;
  if (service.mail) json["mail"] = true;
  if (service.ttl != 0) json["ttl"] = service.ttl;
  if (service.target_strip != 0) json["targetstrip"] = service.target_strip;
  if (!service.group.empty()) json["group"] = service.group;
  return json;
}

std::optional<std::string> key_of(const Name& name, std::string_view prefix) {
  std::string key = std::format("/{}", prefix);
  for (auto label = name.rbegin(); label != name.rend(); ++label) {
    if (label->find('/') != std::string::npos) return {};
    key += '/' + base::lower(*label);
  }
  return key;
}

std::optional<Name> name_of(std::string_view key, std::string_view prefix) {
  const std::string start = std::format("/{}/", prefix);
  if (!key.starts_with(start)) return {};
  Name name = base::split(key.substr(start.size()), '/');
  std::ranges::reverse(name);
  for (const std::string& label : name) {
    if (label.empty() || label.size() > kMaxLabel) return {};
  }
  if (wire_size(name) > kMaxName) return {};
  return name;
}

}  // namespace discovery
