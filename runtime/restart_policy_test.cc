#include "runtime/restart_policy.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("a restart policy is written as it was read") {
  for (const char* text : {"no", "on-failure", "on-failure:5", "always", "unless-stopped"}) {
    CAPTURE(text);
    CHECK(restart_policy_text(parse_restart_policy(text)) == text);
  }
}

TEST_CASE("what is no restart policy is refused") {
  for (const char* text :
       {"", "never", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:1001", "always:3"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_restart_policy(text), base::UsageError);
  }
}

TEST_CASE("what ended is started again as the policy says") {
  CHECK_FALSE(restarts_after(parse_restart_policy("no"), 1, 0));
  CHECK(restarts_after(parse_restart_policy("always"), 0, 1000));
  CHECK(restarts_after(parse_restart_policy("on-failure"), 1, 1000));
  CHECK_FALSE(restarts_after(parse_restart_policy("on-failure"), 0, 0));
  CHECK(restarts_after(parse_restart_policy("on-failure:2"), 137, 1));
  CHECK_FALSE(restarts_after(parse_restart_policy("on-failure:2"), 137, 2));
}

}  // namespace runtime
