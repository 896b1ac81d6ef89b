#include "base/users.h"

#include <doctest/doctest.h>

namespace base {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\nbroken line\nbad:x:4294967295:0::/:/\nbig:x:99999999999:0::/:/\n"
    "core:x:500:501:Core:/home/core:/bin/bash";
constexpr std::string_view kGroup = "wheel:x:10:root,core\nempty:x:11:\nsudo:x:27:core\n";

TEST_CASE("users by name and number") {
  CHECK(find_user(kPasswd, "core")->uid == 500);
  CHECK(find_user(kPasswd, "core")->gid == 501);
  CHECK(find_user(kPasswd, 0)->home == "/root");
  CHECK_FALSE(find_user(kPasswd, "nobody"));
  CHECK_FALSE(find_user(kPasswd, "bad"));
  CHECK_FALSE(find_user(kPasswd, "big"));
}

TEST_CASE("groups and who is in them") {
  CHECK(find_group(kGroup, "wheel")->members == std::vector<std::string>{"root", "core"});
  CHECK(find_group(kGroup, "empty")->members.empty());
  CHECK(supplementary_groups(kGroup, "core") == std::vector<std::uint32_t>{10, 27});
}

}  // namespace
}  // namespace base
