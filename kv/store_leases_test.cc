// Leases of v3, and the keys that hang on them.
#include "kv/store_keys_fixture.h"

namespace {

using kv::KeyError;
using kv::KeysFixture;
using kv::kSecond;
using kv::Operation;

TEST_CASE_FIXTURE(KeysFixture, "lease: its keys go with it, in one revision") {
  CHECK_FALSE(grant(7, 60).error);
  CHECK(store.revision() == 0);
  CHECK(grant(7, 60).error == KeyError::kLeaseExists);
  put("b", "1", 7);
  put("/a", "2", 7);
  put("c", "3", 7);
  put("c", "4");  // it hangs on it no more
  set("/a", "5");
  put("/a", "6", 7);
  CHECK(at("/a")->lease == 7);
  CHECK(store.keys_of_lease(7) == std::vector<std::string>{"/a", "b"});
  CHECK_FALSE(lease(Operation::kRevokeLease, 7).error);
  CHECK(store.revision() == 7);
  REQUIRE(events.size() == 2);
  CHECK(events[0]->node.key == "/1/a");
  CHECK(text("/a") == "none");
  CHECK(text("c") == "4 3/4/2");
  CHECK(at("b", 6)->lease == 7);
  CHECK(lease(Operation::kRevokeLease, 7).error == KeyError::kLeaseNotFound);
  CHECK(store.leases().empty());
}

TEST_CASE_FIXTURE(KeysFixture, "lease: it ends when its time is up, and not while it is renewed") {
  grant(-2, 10);
  put("a", "1", -2);
  put("a", "2", -2);
  now += 9 * kSecond;
  CHECK_FALSE(lease(Operation::kRenewLease, -2).error);
  now -= 5 * kSecond;  // from a member whose clock is behind
  lease(Operation::kRenewLease, -2);
  CHECK(store.lease(-2) == kv::Lease{-2, 10, now + 15 * kSecond});
  now += 14 * kSecond;
  expire();
  CHECK(text("a") == "2 1/2/2");
  now += kSecond;
  CHECK(store.next_expiry() == now);
  expire();
  CHECK(text("a") == "none");
  REQUIRE(events.size() == 1);
  CHECK(events[0]->action == kv::EventAction::kExpire);
  CHECK_FALSE(store.lease(-2));
  CHECK(lease(Operation::kRenewLease, -2).error == KeyError::kLeaseNotFound);
  // One with no keys changes no revision.
  grant(3, 1);
  now += 2 * kSecond;
  expire();
  CHECK(store.revision() == 3);
  CHECK(store.leases().empty());
}

TEST_CASE_FIXTURE(KeysFixture, "lease: a time that cannot be is none") {
  for (const char* seconds : {"0", "-1", "x", "9000000001", ""}) {
    CHECK(keys({.operation = Operation::kGrantLease, .key = kv::lease_path(1), .value = seconds}).error);
  }
  CHECK(keys({.operation = Operation::kGrantLease, .key = "/4/leases/1", .value = "1"}).error);
  CHECK_FALSE(grant(1, kv::kMaxLeaseTtl).error);
  CHECK(store.lease(1)->expires_at == INT64_MAX);
}

}  // namespace
