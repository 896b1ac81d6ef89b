#include "kv/host_check.h"

#include <doctest/doctest.h>

namespace {

base::HttpRequest request_for(std::string_view host) {
  base::HttpRequest request;
  request.headers.set("Host", host);
  return request;
}

TEST_CASE("a Host field is compared without its port and without case") {
  const std::vector<std::string> allowed{"store.example", "::1"};
  CHECK(kv::host_is_allowed(request_for("Store.Example:2379"), allowed));
  CHECK(kv::host_is_allowed(request_for("store.example"), allowed));
  CHECK(kv::host_is_allowed(request_for("[::1]:2379"), allowed));
  CHECK_FALSE(kv::host_is_allowed(request_for("evil.example"), allowed));
  CHECK_FALSE(kv::host_is_allowed(request_for(""), allowed));
  CHECK(kv::host_is_allowed(request_for("evil.example"), {}));
  base::HttpRequest encrypted = request_for("evil.example");
  encrypted.encrypted = true;
  CHECK(kv::host_is_allowed(encrypted, allowed));
  CHECK(kv::host_refusal(request_for("evil.example")).status == 421);
}

}  // namespace
