#include "runtime/user_spec.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nbig:x:4294967295:0::/:\n";
constexpr std::string_view kGroup = "root:x:0:\napp:x:1001:\nwheel:x:10:app\n";

}  // namespace

TEST_CASE("a name brings its group, its groups and its home") {
  ResolvedUser user = resolve_user("app", kPasswd, kGroup);
  CHECK(user.uid == 1000);
  CHECK(user.gid == 1001);
  CHECK(user.groups == std::vector<std::uint32_t>{10});
  CHECK(user.home == "/home/app");
}

TEST_CASE("nothing said is root, also without a passwd") {
  CHECK(resolve_user("", kPasswd, kGroup).home == "/root");
  CHECK(resolve_user("", "", "").uid == 0);
}

TEST_CASE("numbers need no entry") {
  ResolvedUser user = resolve_user("7:8", "", "");
  CHECK(user.uid == 7);
  CHECK(user.gid == 8);
  CHECK(user.groups.empty());
}

TEST_CASE("CVE-2026-30892: a text that only begins like a number is never that number") {
  for (const char* text : {"1000abc", "+0", "-1", " 0", "0 ", "0x0", "1e3"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(resolve_user(text, kPasswd, kGroup), base::Error);
  }
}

TEST_CASE("CVE-2024-40635: an id that does not fit is refused, in --user and in passwd") {
  for (const char* text : {"2147483648", "4294967296", "99999999999999999999", "0:4294967296", "big"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(resolve_user(text, kPasswd, kGroup), base::Error);
  }
}

TEST_CASE("half a pair is refused") {
  for (const char* text : {":", ":0", "app:", "app:nobody"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(resolve_user(text, kPasswd, kGroup), base::Error);
  }
}

}  // namespace runtime
