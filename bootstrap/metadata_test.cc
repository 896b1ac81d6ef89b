#include "bootstrap/metadata.h"

#include <doctest/doctest.h>

namespace bootstrap {
namespace {

TEST_CASE("meta-data in YAML and in JSON") {
  Findings findings;
  const auto yaml =
      parse_metadata("instance-id: i-1\nlocal-hostname: a\npublic-keys: [k1, k2]\nlocal-ipv4: 10.0.0.1\n", findings);
  CHECK(yaml.instance_id == "i-1");
  CHECK(yaml.local_hostname == "a");
  CHECK(yaml.public_keys == std::vector<std::string>{"k1", "k2"});
  CHECK(yaml.addresses.at("PRIVATE_IPV4") == "10.0.0.1");
  const auto json = parse_metadata(R"({"hostname": "b", "public-keys": {"one": "k1\nk2\n", "two": ["k3"]}})", findings);
  CHECK(json.local_hostname == "b");
  CHECK(json.public_keys == std::vector<std::string>{"k1", "k2", "k3"});
  CHECK(findings.empty());
}

TEST_CASE("nonsense is left out with a remark") {
  Findings findings;
  const auto metadata = parse_metadata("local-hostname: '..'\npublic-ipv4: '$(x)'\nextra: [1]\n", findings);
  CHECK(metadata.local_hostname.empty());
  CHECK(metadata.addresses.empty());
  CHECK(findings.size() == 2);
  CHECK(parse_metadata("", findings).instance_id.empty());
  CHECK(parse_metadata("a: [", findings).instance_id.empty());
  CHECK(findings.size() == 3);
}

TEST_CASE("substitution") {
  Metadata metadata;
  metadata.addresses = {{"PRIVATE_IPV4", "10.0.0.1"}, {"PUBLIC_IPV6", "2001:db8::5"}};
  CHECK(substitute("a $private_ipv4:$private_ipv4", metadata) == "a 10.0.0.1:10.0.0.1");
  CHECK(substitute("[$public_ipv6]", metadata) == "[2001:db8::5]");
  CHECK(substitute("<$public_ipv4>", metadata) == "<>");
  CHECK(substitute("\\$private_ipv4 $other $", metadata) == "$private_ipv4 $other $");
}

}  // namespace
}  // namespace bootstrap
