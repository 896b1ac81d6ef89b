// Keys, transactions and leases of v3 on the same data as v2's nodes.
#include <doctest/doctest.h>

#include <format>
#include <map>

#include "base/random.h"
#include "kv/key_history.h"
#include "kv/store.h"

namespace {

using kv::Command;
using kv::Compare;
using kv::DeleteRequest;
using kv::KeyError;
using kv::KeysAnswer;
using kv::KeyValue;
using kv::Operation;
using kv::PutRequest;
using kv::RangeRequest;
using kv::Request;
using kv::Transaction;

constexpr std::int64_t kSecond = 1'000'000'000;
const std::string kNoEnd(1, '\0');
const kv::KeyRange kAll{kNoEnd, kNoEnd};

// A store with the verbs of both APIs. v2's keys are given without "/1".
struct Fixture {
  kv::Store store;
  std::int64_t now = 1'700'000'000 * kSecond;
  std::uint64_t log_index = 0;
  std::vector<kv::EventPtr> events = {};  // of the last command

  kv::Result apply(Command command) {
    command.time = now;
    kv::Applied applied = store.apply(command, ++log_index, 2);
    events = applied.events;
    return applied.result;
  }
  KeysAnswer keys(Command command) { return std::get<KeysAnswer>(apply(std::move(command))); }
  KeysAnswer transact(const Transaction& transaction) {
    return keys({.operation = Operation::kTransaction, .value = kv::encode(transaction)});
  }
  KeysAnswer put(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    return transact({.success = {{PutRequest{.key = key, .value = value, .lease = lease, .previous = true}}}});
  }
  std::uint64_t remove(const std::string& key, const std::string& end = "") {
    const KeysAnswer answer = transact({.success = {{DeleteRequest{.range = {key, end}}}}});
    return std::get<kv::DeleteAnswer>(answer.transaction.answers.at(0).what).deleted;
  }
  KeysAnswer grant(std::int64_t id, std::int64_t seconds) {
    return keys({.operation = Operation::kGrantLease,
                 .key = kv::lease_path(id),
                 .value = std::to_string(seconds),
                 .expires_at = kv::lease_end(seconds, now)});
  }
  KeysAnswer lease(Operation operation, std::int64_t id) {
    return keys({.operation = operation, .key = kv::lease_path(id)});
  }
  void expire() { apply({.operation = Operation::kExpire}); }

  kv::Result set(const std::string& key, const std::string& value) {
    return apply({.operation = Operation::kSet, .key = "/1" + key, .value = value});
  }
  kv::Result remove_node(const std::string& key) {
    return apply({.operation = Operation::kDelete, .key = "/1" + key, .recursive = true});
  }

  std::optional<KeyValue> at(const std::string& key, std::uint64_t revision = 0) const {
    auto answer = std::get<kv::RangeAnswer>(store.range({.range = {key, ""}, .revision = revision}));
    return answer.keys.empty() ? std::nullopt : std::optional(answer.keys.front());
  }
  // "value create/mod/version"
  std::string text(const std::string& key, std::uint64_t revision = 0) const {
    const std::optional<KeyValue> found = at(key, revision);
    if (!found) return "none";
    return std::format("{} {}/{}/{}", found->value, found->create_revision, found->mod_revision, found->version);
  }
  std::optional<KeyError> range_error(std::uint64_t revision) const {
    auto answer = store.range({.range = {"a", ""}, .revision = revision});
    const KeyError* error = std::get_if<KeyError>(&answer);
    return error == nullptr ? std::nullopt : std::optional(*error);
  }
};

TEST_CASE_FIXTURE(Fixture, "keys: revisions and versions, now and in the past") {
  CHECK(put("a", "1").revision == 1);
  CHECK(put("b", "2").revision == 2);
  KeysAnswer third = put("a", "3");
  CHECK(third.revision == 3);
  CHECK(std::get<kv::PutAnswer>(third.transaction.answers.at(0).what).previous == KeyValue{"a", "1", 1, 1, 1, 0});
  CHECK(text("a") == "3 1/3/2");
  CHECK(text("a", 3) == "3 1/3/2");
  CHECK(text("a", 2) == "1 1/1/1");
  CHECK(text("b", 1) == "none");
  CHECK(remove("a", "c") == 2);
  CHECK(store.revision() == 4);
  CHECK(text("a") == "none");
  CHECK(text("a", 3) == "3 1/3/2");
  CHECK(remove("a", "c") == 0);
  CHECK(store.revision() == 4);
  put("a", "5");
  CHECK(text("a") == "5 5/5/1");
  CHECK(range_error(6) == KeyError::kFutureRevision);
}

TEST_CASE_FIXTURE(Fixture, "keys: one keyspace for both APIs") {
  set("/app/x", "1");
  CHECK(text("/app/x") == "1 1/1/1");
  put("/app/x", "2");
  CHECK(std::get<kv::EventPtr>(store.get("/1/app/x", false, now))->node.value == "2");
  set("/app/x", "3");
  CHECK(text("/app/x") == "3 1/3/3");
  put("/app/y", "4");
  put("app/y", "5");
  CHECK(store.peek("/1/app")->nodes.size() == 2);
  remove_node("/app");
  CHECK(text("/app/x") == "none");
  CHECK(text("/app/y") == "none");
  CHECK(text("app/y") == "5 5/5/1");
  CHECK(text("/app/x", 5) == "3 1/3/3");
  CHECK(text("/app/y", 5) == "4 4/4/1");
  // Facts of the cluster, users and leases are no keys.
  apply({.key = "/2/users/root", .value = "{}"});
  grant(7, 60);
  CHECK(std::get<kv::RangeAnswer>(store.range({.range = kAll})).count == 1);
}

TEST_CASE_FIXTURE(Fixture, "keys: one that v2 could not name goes on where v2 sets it") {
  set("/d/x", "1");
  put("/d", "2");  // a directory has the name
  CHECK(store.peek("/1/d")->directory);
  put("/d", "3");
  remove_node("/d");
  CHECK(text("/d") == "3 2/3/2");
  set("/d", "5");
  CHECK(text("/d") == "5 2/5/3");
  CHECK(text("/d", 4) == "3 2/3/2");
  CHECK(text("/d", 1) == "none");
  CHECK(std::get<kv::RangeAnswer>(store.range({.range = kAll})).count == 1);
  REQUIRE(events.size() == 1);
  const std::vector<kv::KeyChange> changes = kv::key_changes(*events.front());
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].before == KeyValue{"/d", "3", 2, 3, 2, 0});
  CHECK(changes[0].after == KeyValue{"/d", "5", 2, 5, 3, 0});
}

TEST_CASE_FIXTURE(Fixture, "keys: limits, keys alone, counts") {
  for (const char* key : {"a", "b", "c"}) put(key, "v");
  auto range = [&](RangeRequest request) {
    request.range = {"a", "z"};
    return std::get<kv::RangeAnswer>(store.range(request));
  };
  kv::RangeAnswer answer = range({.limit = 2});
  CHECK(answer.keys.size() == 2);
  CHECK(answer.more);
  CHECK(answer.count == 3);
  answer = range({.limit = 3, .keys_only = true});
  CHECK_FALSE(answer.more);
  CHECK(answer.keys.at(2) == KeyValue{"c", "", 3, 3, 1, 0});
  answer = range({.revision = 2, .count_only = true});
  CHECK(answer.count == 2);
  CHECK(answer.keys.empty());
}

TEST_CASE_FIXTURE(Fixture, "transaction: comparisons choose, all changes have one revision") {
  put("a", "1");
  const Transaction swap{.compares = {{{"a", ""}, Compare::Target::kValue, Compare::Relation::kEqual, 0, "1"},
                                      {{"b", ""}, Compare::Target::kVersion, Compare::Relation::kEqual, 0, ""}},
                         .success = {{PutRequest{.key = "a", .value = "2"}},
                                     {PutRequest{.key = "b", .value = "2"}},
                                     {RangeRequest{{"a", "c"}}},
                                     {RangeRequest{.range = {"a", "c"}, .revision = 1}}},
                         .failure = {{RangeRequest{{"a", ""}}}}};
  KeysAnswer answer = transact(swap);
  CHECK(answer.transaction.succeeded);
  CHECK(answer.revision == 2);
  CHECK(events.size() == 2);
  CHECK(text("a") == "2 1/2/2");
  CHECK(text("b") == "2 2/2/1");
  REQUIRE(answer.transaction.answers.size() == 4);
  CHECK(std::get<kv::RangeAnswer>(answer.transaction.answers[2].what).keys.at(0).value == "2");
  // The past, although what has changed is not in the history yet.
  const auto& past = std::get<kv::RangeAnswer>(answer.transaction.answers[3].what);
  REQUIRE(past.count == 1);
  CHECK(past.keys.at(0) == KeyValue{"a", "1", 1, 1, 1, 0});
  answer = transact(swap);
  CHECK_FALSE(answer.transaction.succeeded);
  CHECK(answer.revision == 2);
  CHECK(std::get<kv::RangeAnswer>(answer.transaction.answers.at(0).what).keys.at(0).value == "2");
  CHECK(events.empty());
}

TEST_CASE_FIXTURE(Fixture, "transaction: every comparison") {
  grant(9, 60);
  put("a", "1");
  put("a", "2", 9);
  put("b", "1");
  using T = Compare::Target;
  using R = Compare::Relation;
  auto holds = [&](const Compare& compare) { return transact({.compares = {compare}}).transaction.succeeded; };
  CHECK(holds({{"a", ""}, T::kVersion, R::kEqual, 2, ""}));
  CHECK(holds({{"a", ""}, T::kVersion, R::kGreater, 1, ""}));
  CHECK_FALSE(holds({{"a", ""}, T::kVersion, R::kGreater, 2, ""}));
  CHECK(holds({{"a", ""}, T::kCreateRevision, R::kEqual, 1, ""}));
  CHECK(holds({{"a", ""}, T::kModRevision, R::kLess, 3, ""}));
  CHECK(holds({{"a", ""}, T::kLease, R::kEqual, 9, ""}));
  CHECK(holds({{"b", ""}, T::kLease, R::kLess, 1, ""}));
  CHECK(holds({{"a", ""}, T::kValue, R::kGreater, 0, "1"}));
  CHECK(holds({{"a", ""}, T::kValue, R::kNotEqual, 0, "1"}));
  // All of a range, and what is missing.
  CHECK(holds({{"a", "c"}, T::kModRevision, R::kGreater, 1, ""}));
  CHECK_FALSE(holds({{"a", "c"}, T::kModRevision, R::kGreater, 2, ""}));
  CHECK(holds({{"x", ""}, T::kCreateRevision, R::kEqual, 0, ""}));
  CHECK(holds({{"x", "z"}, T::kVersion, R::kEqual, 0, ""}));
  CHECK_FALSE(holds({{"x", ""}, T::kValue, R::kNotEqual, 0, "1"}));
}

TEST_CASE_FIXTURE(Fixture, "transaction: inner ones are decided before anything changes") {
  const Transaction inner{.compares = {{{"a", ""}, Compare::Target::kVersion, Compare::Relation::kEqual, 0, ""}},
                          .success = {{PutRequest{.key = "fresh"}}},
                          .failure = {{PutRequest{.key = "late"}}}};
  const KeysAnswer answer = transact({.success = {{PutRequest{.key = "a"}}, {inner}, {RangeRequest{{"a", "z"}}}}});
  CHECK(std::get<base::Box<kv::TransactionAnswer>>(answer.transaction.answers.at(1).what)->succeeded);
  CHECK(std::get<kv::RangeAnswer>(answer.transaction.answers.at(2).what).count == 2);
  CHECK(text("fresh") == " 1/1/1");
  CHECK(text("late") == "none");
}

TEST_CASE_FIXTURE(Fixture, "transaction: one that is refused changes nothing") {
  put("a", "1");
  const std::uint64_t before = store.digest();
  auto error_of = [&](const Request& request) {
    const KeysAnswer answer = transact({.success = {{PutRequest{.key = "x"}}, {Transaction{.success = {request}}}}});
    CHECK(answer.revision == 1);
    CHECK(events.empty());
    return answer.error;
  };
  CHECK(error_of({PutRequest{.key = "y", .lease = 5}}) == KeyError::kLeaseNotFound);
  CHECK(error_of({PutRequest{.key = "y", .ignore_value = true}}) == KeyError::kKeyNotFound);
  CHECK(error_of({PutRequest{.key = "y", .ignore_lease = true}}) == KeyError::kKeyNotFound);
  CHECK(error_of({RangeRequest{.range = {"a", ""}, .revision = 2}}) == KeyError::kFutureRevision);
  CHECK(error_of({PutRequest{.key = "x"}}) == KeyError::kDuplicateKey);
  CHECK(text("x") == "none");
  kv::Store same;
  same.apply({.operation = Operation::kTransaction,
              .value = kv::encode(Transaction{.success = {{PutRequest{.key = "a", .value = "1"}}}})},
             log_index, 2);
  CHECK(same.digest() != before);  // the position alone
  CHECK(same.digest() == store.digest());
}

TEST_CASE_FIXTURE(Fixture, "keys: what was compacted, or has left the history, is said") {
  for (const char* value : {"1", "2", "3", "4"}) put("a", value);
  auto compact = [&](std::uint64_t revision) {
    return keys({.operation = Operation::kCompact, .previous_index = revision}).error;
  };
  CHECK(compact(5) == KeyError::kFutureRevision);
  CHECK_FALSE(compact(3));
  CHECK(compact(3) == KeyError::kCompacted);
  CHECK(range_error(2) == KeyError::kCompacted);
  CHECK(text("a", 3) == "3 1/3/3");
  CHECK(store.revision() == 4);

  Fixture small{.store = kv::Store({.events = 2, .bytes = 1'000'000})};
  for (const char* value : {"1", "2", "3", "4"}) small.put("a", value);
  CHECK(small.store.compacted() == 2);
  CHECK(small.range_error(1) == KeyError::kCompacted);
  CHECK(small.text("a", 2) == "2 1/2/2");
}

TEST_CASE_FIXTURE(Fixture, "keys: a removal of very much is not kept, and the past ends there") {
  const std::string large(kv::kMaxTakenBytes / 2, 'x');
  for (const char* key : {"/d/a", "/d/b", "/d/c"}) put(key, large);
  remove_node("/d");
  CHECK(events.front()->forgets);
  CHECK(store.compacted() == 4);
  for (const char* key : {"a", "b", "c"}) put(key, large);
  CHECK(text("a", 5).ends_with(" 5/5/1"));
  CHECK(remove("a", "z") == 3);
  CHECK(events.size() == 3);
  CHECK(store.compacted() == 8);
  CHECK(store.history().bytes_at(8).size() < 2 * large.size() + 1000);
}

TEST_CASE_FIXTURE(Fixture, "lease: its keys go with it, in one revision") {
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

TEST_CASE_FIXTURE(Fixture, "lease: it ends when its time is up, and not while it is renewed") {
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

TEST_CASE_FIXTURE(Fixture, "lease: a time that cannot be is none") {
  for (const char* seconds : {"0", "-1", "x", "9000000001", ""}) {
    CHECK(keys({.operation = Operation::kGrantLease, .key = kv::lease_path(1), .value = seconds}).error);
  }
  CHECK(keys({.operation = Operation::kGrantLease, .key = "/4/leases/1", .value = "1"}).error);
  CHECK_FALSE(grant(1, kv::kMaxLeaseTtl).error);
  CHECK(store.lease(1)->expires_at == INT64_MAX);
}

// Both APIs' changes at random, against a map of keys that is kept for every revision.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (f_.store.revision() == states_.size()) states_.push_back(now_in_store());
      REQUIRE(f_.store.revision() + 1 == states_.size());
      REQUIRE(states_.back() == now_in_store());
    }
    for (std::uint64_t revision = 1; revision < states_.size(); ++revision) {
      const auto past = std::get<kv::RangeAnswer>(f_.store.range({.range = kAll, .revision = revision}));
      CAPTURE(revision);
      REQUIRE(past.keys == states_[revision]);
      REQUIRE(past.count == states_[revision].size());
    }
    check_changes();
  }
  kv::Store& store() { return f_.store; }

 private:
  std::vector<KeyValue> now_in_store() const { return std::get<kv::RangeAnswer>(f_.store.range({.range = kAll})).keys; }
  std::string key() {
    static const std::vector<std::string> kKeys{"/a", "/a/b", "/a/b/c", "/a-b", "a", "/a/", "/x/y", "/x", "/_h/k"};
    return kKeys[random_.below(kKeys.size())];
  }
  std::string path() {
    const std::string some = key();
    return some.starts_with('/') && !some.ends_with('/') ? some : "/a/b";
  }
  void step() {
    const std::string value = std::to_string(++last_);
    switch (random_.below(10)) {
      case 0:
      case 1:
        f_.put(key(), value, random_.below(3) == 0 && f_.store.lease(5) ? 5 : 0);
        break;
      case 2: {
        const std::string one = key();
        const std::string other = key();
        f_.transact({.success = {{PutRequest{.key = one, .value = value}}, {PutRequest{.key = other, .value = "t"}}}});
        break;
      }
      case 3:
        f_.remove(key());
        break;
      case 4:
        f_.remove(key(), key());
        break;
      case 5:
      case 6:
        f_.set(path(), value);
        break;
      case 7:
        f_.remove_node(path());
        break;
      case 8:
        f_.apply({.operation = Operation::kSet, .key = "/1" + path(), .directory = true});
        break;
      default:
        if (f_.store.lease(5)) {
          f_.lease(Operation::kRevokeLease, 5);
        } else {
          f_.grant(5, 60);
        }
    }
  }
  // The changes that the history tells lead from each state to the next.
  void check_changes() {
    for (std::uint64_t revision = 1; revision < states_.size(); ++revision) {
      std::map<std::string, KeyValue> keys;
      for (const KeyValue& one : states_[revision - 1]) keys[one.key] = one;
      for (const kv::EventPtr& event : f_.store.history().at(revision)) {
        for (const kv::KeyChange& change : kv::key_changes(*event)) {
          auto before = keys.find(change.after.key);
          REQUIRE(change.before == (before == keys.end() ? std::nullopt : std::optional(before->second)));
          REQUIRE(change.after.mod_revision == revision);
          keys[change.after.key] = change.after;
          if (change.after.version == 0) keys.erase(change.after.key);
        }
      }
      std::vector<KeyValue> after;
      for (const auto& [name, one] : keys) after.push_back(one);
      REQUIRE(after == states_[revision]);
    }
  }

  base::SeededRandom random_;
  Fixture f_;
  std::vector<std::vector<KeyValue>> states_ = {{}};
  int last_ = 0;
};

TEST_CASE("keys: every revision of the past, after any changes by both APIs") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    model.run(120);
    // And from what the disk holds.
    kv::StoreChanges changes = model.store().take_changes();
    kv::Store loaded;
    loaded.restore({changes.position, changes.nodes, changes.events});
    REQUIRE(loaded.digest() == model.store().digest());
    REQUIRE(loaded.leases() == model.store().leases());
    REQUIRE(loaded.keys_of_lease(5) == model.store().keys_of_lease(5));
  }
}

}  // namespace
