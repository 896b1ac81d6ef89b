// Keys and transactions of v3 on the same data as v2's nodes.
#include "kv/key_history.h"
#include "kv/store_keys_fixture.h"

namespace {

using kv::Compare;
using kv::DeleteRequest;
using kv::kAllKeys;
using kv::KeyError;
using kv::KeysAnswer;
using kv::KeysFixture;
using kv::KeyValue;
using kv::Operation;
using kv::PutRequest;
using kv::RangeRequest;
using kv::Request;
using kv::Transaction;

TEST_CASE_FIXTURE(KeysFixture, "keys: revisions and versions, now and in the past") {
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

TEST_CASE_FIXTURE(KeysFixture, "keys: one keyspace for both APIs") {
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
  CHECK(std::get<kv::RangeAnswer>(store.range({.range = kAllKeys})).count == 1);
}

TEST_CASE_FIXTURE(KeysFixture, "keys: one that v2 could not name goes on where v2 sets it") {
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
  CHECK(std::get<kv::RangeAnswer>(store.range({.range = kAllKeys})).count == 1);
  REQUIRE(events.size() == 1);
  const std::vector<kv::KeyChange> changes = kv::key_changes(*events.front());
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].before == KeyValue{"/d", "3", 2, 3, 2, 0});
  CHECK(changes[0].after == KeyValue{"/d", "5", 2, 5, 3, 0});
}

TEST_CASE_FIXTURE(KeysFixture, "keys: limits, keys alone, counts") {
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

TEST_CASE_FIXTURE(KeysFixture, "transaction: comparisons choose, all changes have one revision") {
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

TEST_CASE_FIXTURE(KeysFixture, "transaction: one that only reads is answered without the log") {
  put("a", "1");
  put("b", "2");
  const Compare fresh{{"a", ""}, Compare::Target::kVersion, Compare::Relation::kEqual, 1, ""};
  const Transaction reads{.compares = {fresh},
                          .success = {{RangeRequest{.range = {"a", "c"}, .revision = 1}}},
                          .failure = {{RangeRequest{.range = {"a", ""}, .revision = 9}}}};
  KeysAnswer answer = store.read(reads);
  CHECK(answer.revision == 2);
  CHECK(answer.transaction.succeeded);
  CHECK(std::get<kv::RangeAnswer>(answer.transaction.answers.at(0).what).keys ==
        std::vector<KeyValue>{{"a", "1", 1, 1, 1, 0}});
  put("a", "3");
  CHECK(store.read(reads).error == KeyError::kFutureRevision);
  CHECK(store.read({.success = {{RangeRequest{}}}}).error == KeyError::kEmptyKey);
}

TEST_CASE_FIXTURE(KeysFixture, "transaction: every comparison") {
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

TEST_CASE_FIXTURE(KeysFixture, "transaction: inner ones are decided before anything changes") {
  const Transaction inner{.compares = {{{"a", ""}, Compare::Target::kVersion, Compare::Relation::kEqual, 0, ""}},
                          .success = {{PutRequest{.key = "fresh"}}},
                          .failure = {{PutRequest{.key = "late"}}}};
  const KeysAnswer answer = transact({.success = {{PutRequest{.key = "a"}}, {inner}, {RangeRequest{{"a", "z"}}}}});
  CHECK(std::get<base::Box<kv::TransactionAnswer>>(answer.transaction.answers.at(1).what)->succeeded);
  CHECK(std::get<kv::RangeAnswer>(answer.transaction.answers.at(2).what).count == 2);
  CHECK(text("fresh") == " 1/1/1");
  CHECK(text("late") == "none");
}

TEST_CASE_FIXTURE(KeysFixture, "transaction: one that is refused changes nothing") {
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

TEST_CASE_FIXTURE(KeysFixture, "keys: what was compacted, or has left the history, is said") {
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

  KeysFixture small{.store = kv::Store({.events = 2, .bytes = 1'000'000})};
  for (const char* value : {"1", "2", "3", "4"}) small.put("a", value);
  CHECK(small.store.compacted() == 2);
  CHECK(small.range_error(1) == KeyError::kCompacted);
  CHECK(small.text("a", 2) == "2 1/2/2");
}

TEST_CASE_FIXTURE(KeysFixture, "keys: a removal of very much is not kept, and the past ends there") {
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

}  // namespace
