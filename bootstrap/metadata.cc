#include "bootstrap/metadata.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <format>

#include "base/text.h"
#include "bootstrap/parse_parts.h"
#include "bootstrap/reader.h"

namespace bootstrap {
namespace {

struct AddressName {
  std::string_view name;  // in Metadata::addresses
  std::string_view metadata_key;
  std::string_view variable;  // in the user-data
};
constexpr std::array<AddressName, 4> kAddresses{{{"PUBLIC_IPV4", "public_ipv4", "$public_ipv4"},
                                                 {"PRIVATE_IPV4", "local_ipv4", "$private_ipv4"},
                                                 {"PUBLIC_IPV6", "public_ipv6", "$public_ipv6"},
                                                 {"PRIVATE_IPV6", "local_ipv6", "$private_ipv6"}}};

bool is_address(const std::string& text, std::string_view name) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  return inet_pton(name.ends_with('4') ? AF_INET : AF_INET6, text.c_str(), buffer.data()) == 1;
}

void add_keys(const YamlNode& node, std::vector<std::string>& keys) {
  for (const auto& item : node.items) add_keys(item, keys);
  if (!node.is_scalar()) return;
  for (const auto& line : base::split(node.text, '\n'))
    if (const auto key = base::trim(line); !key.empty()) keys.emplace_back(key);
}

}  // namespace

Metadata parse_metadata(std::string_view text, Findings& findings) {
  Metadata metadata;
  const YamlResult yaml = parse_yaml(text);
  if (yaml.problem) findings.push_back({Severity::kWarning, yaml.problem->mark, "meta-data: " + yaml.problem->message});
  if (!yaml.root || yaml.root->is_null()) return metadata;
  MapReader reader(*yaml.root, "meta-data", findings);
  metadata.instance_id = reader.string("instance_id");
  metadata.local_hostname = reader.string("local_hostname", reader.string("hostname"));
  if (!metadata.local_hostname.empty() && !is_valid_hostname(metadata.local_hostname)) {
    reader.warning(reader.mark_of("local_hostname"),
                   std::format("meta-data: invalid value {}", metadata.local_hostname.substr(0, 80)));
    metadata.local_hostname.clear();
  }
  if (const auto* keys = reader.find("public_keys")) add_keys(*keys, metadata.public_keys);
  for (const auto& address : kAddresses) {
    const std::string value = reader.string(address.metadata_key);
    if (value.empty()) continue;
    if (is_address(value, address.name)) {
      metadata.addresses[std::string(address.name)] = value;
    } else {
      reader.warning(reader.mark_of(address.metadata_key),
                     std::format("meta-data: invalid value {}", value.substr(0, 80)));
    }
  }
  return metadata;
}

void add_addresses_from_environment(Metadata& metadata) {
  for (const auto& address : kAddresses) {
    const std::string name(address.name);
    const char* value = std::getenv(("COREOS_" + name).c_str());
    if (value && !metadata.addresses.contains(name) && is_address(value, name)) metadata.addresses[name] = value;
  }
}

std::string substitute(std::string_view text, const Metadata& metadata) {
  std::string result;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    const auto found =
        std::ranges::find_if(kAddresses, [&](const auto& address) { return text.starts_with(address.variable); });
    if (found == kAddresses.end()) {
      result += '$';
      text.remove_prefix(1);
      continue;
    }
    if (result.ends_with('\\')) {
      result.back() = '$';
      result += found->variable.substr(1);
    } else if (const auto value = metadata.addresses.find(std::string(found->name));
               value != metadata.addresses.end()) {
      result += value->second;
    }
    text.remove_prefix(found->variable.size());
  }
  return result;
}

}  // namespace bootstrap
