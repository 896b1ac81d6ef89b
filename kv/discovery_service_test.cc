#include "kv/discovery_service.h"

#include <doctest/doctest.h>

TEST_CASE("discovery service: its paths") {
  const std::string token = "/0123456789abcdef0123456789abcdef";
  CHECK(kv::discovery_methods(token) == "GET,PUT");
  CHECK(kv::discovery_methods(token + "/") == "GET,PUT");
  CHECK(kv::discovery_methods(token + "/ab12") == "GET,PUT,DELETE");
  CHECK(kv::discovery_methods(token + "/_config/size") == "GET");
  CHECK(kv::discovery_methods(token + "/_config") == "GET");
  for (const std::string& path : std::initializer_list<std::string>{token + "/a/b", token + "0", "/0123",
                                                                    "/0123456789ABCDEF0123456789abcdef/x", "/", ""}) {
    CAPTURE(path);
    CHECK(kv::discovery_methods(path).empty());
  }
}
