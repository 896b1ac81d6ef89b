#include "runtime/network.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("a network is an address and a prefix without further bits") {
  Subnet subnet = parse_subnet("172.31.128.0/20");
  CHECK(subnet.text() == "172.31.128.0/20");
  for (const char* text :
       {"", "172.31.128.0", "172.31.128.1/20", "172.31.128.0/8", "172.31.128.0/31", "x/20", "1.2.3/24"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_subnet(text), base::Error);
  }
}

TEST_CASE("addresses are given from the second on, and the last is never given") {
  Subnet subnet = parse_subnet("10.0.0.0/29");
  std::vector<std::uint32_t> taken;
  for (int i = 0; i < 5; i++) taken.push_back(free_address(subnet, taken).value_or(0));
  CHECK(address_text(taken.front()) == "10.0.0.2");
  CHECK(address_text(taken.back()) == "10.0.0.6");
  CHECK_FALSE(free_address(subnet, taken).has_value());
  CHECK(address_text(free_address(subnet, {taken[0], taken[2]}).value_or(0)) == "10.0.0.3");
}

TEST_CASE("name servers on the host's loopback are of no use in a container") {
  CHECK(resolver_configuration("nameserver 127.0.0.53\nsearch lan\n", "nameserver 192.0.2.1\nsearch other\n", {}) ==
        "nameserver 192.0.2.1\nsearch lan\n");
  CHECK(resolver_configuration("nameserver 192.0.2.9\n", "nameserver 192.0.2.1\n", {}) == "nameserver 192.0.2.9\n");
  CHECK(resolver_configuration("nameserver 192.0.2.9\n", "", {"192.0.2.7"}) == "nameserver 192.0.2.7\n");
}

}  // namespace runtime
