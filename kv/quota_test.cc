#include "kv/quota.h"

#include <doctest/doctest.h>

#include "kv/store.h"

namespace {

using kv::Operation;

bool refuses(const kv::Quota& quota, Operation operation, std::string key = "/1/a", bool refresh = false) {
  return quota.refuses({.operation = operation, .key = std::move(key), .refresh = refresh});
}

}  // namespace

TEST_CASE("quota: the alarm is raised above the bound and cleared below 95 % of it, each with one line") {
  kv::Quota quota(1000);
  CHECK(quota.note(1000).empty());
  CHECK_FALSE(quota.exceeded());
  CHECK(quota.note(1001) == "alarm NOSPACE: the state has 1001 bytes, the quota is 1000: no writes but removals");
  CHECK(quota.exceeded());
  CHECK(quota.note(2000).empty());
  CHECK(quota.note(950).empty());
  CHECK(quota.exceeded());
  CHECK(quota.note(949) == "alarm NOSPACE is over: the state has 949 bytes, the quota is 1000");
  CHECK_FALSE(quota.exceeded());
  CHECK(quota.note(1000).empty());
  kv::Quota none(0);
  CHECK(none.note(UINT64_MAX).empty());
  CHECK_FALSE(none.exceeded());
}

TEST_CASE("quota: what adds is refused, everything else goes on") {
  kv::Quota quota(1000);
  for (const Operation operation : {Operation::kSet, Operation::kCreate, Operation::kCreateInOrder, Operation::kUpdate,
                                    Operation::kCompareAndSwap}) {
    quota.note(0);
    CHECK_FALSE(refuses(quota, operation));
    quota.note(1001);
    CHECK(refuses(quota, operation));
    CHECK_FALSE(refuses(quota, operation, "/2/users/root"));
    CHECK_FALSE(refuses(quota, operation, "/0/version"));
  }
  for (const Operation operation : {Operation::kDelete, Operation::kCompareAndDelete, Operation::kExpire}) {
    CHECK_FALSE(refuses(quota, operation));
  }
  CHECK_FALSE(refuses(quota, Operation::kAddMember, "/0/members/1"));
  for (const Operation operation : {Operation::kSet, Operation::kUpdate, Operation::kCompareAndSwap}) {
    CHECK_FALSE(refuses(quota, operation, "/1/lease", true));
  }
  CHECK(refuses(quota, Operation::kCreate, "/1/lease", true));
}

TEST_CASE("store: its size follows what is made, changed and removed, and is the same after a restart") {
  kv::Store store;
  std::uint64_t entry = 0;
  const std::uint64_t empty = store.bytes();
  auto apply = [&](const kv::Command& command) {
    const std::uint64_t before = store.bytes();
    store.apply(command, ++entry, 1);
    return static_cast<std::int64_t>(store.bytes() - before);
  };
  const auto node = static_cast<std::int64_t>(kv::Tree::kNodeBytes);
  CHECK(apply({.key = "/1/dir/key", .value = std::string(100, 'x')}) == 2 * node + 3 + 3 + 100);
  CHECK(apply({.key = "/1/dir/key", .value = "ab"}) == -98);
  CHECK(apply({.operation = Operation::kUpdate, .key = "/1/dir/key", .value = "abcd"}) == 2);
  CHECK(apply({.operation = Operation::kCompareAndSwap, .key = "/1/dir/key", .value = "", .previous_value = "abcd"}) ==
        -4);
  CHECK(apply({.operation = Operation::kCompareAndSwap, .key = "/1/dir/key", .value = "x", .previous_value = "y"}) ==
        0);
  CHECK(apply({.key = "/1/short", .value = "12345", .expires_at = 1'700'000'000'000'000'000}) == node + 5 + 5);
  kv::Store copy;
  copy.restore({store.position(), store.take_changes().nodes, {}});
  CHECK(copy.bytes() == store.bytes());
  kv::Command expiry{.operation = Operation::kExpire};
  expiry.time = 1'800'000'000'000'000'000;
  CHECK(apply(expiry) == -(node + 5 + 5));
  CHECK(apply({.operation = Operation::kDelete, .key = "/1/dir", .recursive = true}) == -(2 * node + 3 + 3));
  CHECK(store.bytes() == empty);
}
