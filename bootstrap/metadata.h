#pragma once
// What a datasource says about the machine itself: NoCloud's meta-data (YAML or JSON), and the addresses that are
// substituted into the user-data. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bootstrap/config.h"

namespace bootstrap {

struct Metadata {
  std::string instance_id;
  std::string local_hostname;
  std::vector<std::string> public_keys;
  // "PUBLIC_IPV4", "PRIVATE_IPV4", "PUBLIC_IPV6", "PRIVATE_IPV6"; only those that are known.
  std::map<std::string, std::string> addresses;
};

// Takes instance-id, local-hostname (else hostname), public-keys (a text of lines, a list, or EC2's map), and
// public-ipv4, local-ipv4, public-ipv6, local-ipv6. Values that make no sense are remarked on and left out; keys that
// are not for us are no fault.
Metadata parse_metadata(std::string_view text, Findings& findings);

// Adds the addresses that the metadata did not give from COREOS_PUBLIC_IPV4 and its like.
void add_addresses_from_environment(Metadata& metadata);

// $public_ipv4, $private_ipv4, $public_ipv6, $private_ipv6 become the addresses, empty when not known; a backslash
// before the dollar keeps the name and goes away itself.
std::string substitute(std::string_view text, const Metadata& metadata);

}  // namespace bootstrap
