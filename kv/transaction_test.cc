#include "kv/transaction.h"

#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/error.h"

namespace {

using kv::Compare;
using kv::DeleteRequest;
using kv::KeyError;
using kv::PutRequest;
using kv::RangeRequest;
using kv::Request;
using kv::Transaction;

Transaction example() {
  Transaction inner{.success = {{PutRequest{.key = "k", .ignore_value = true, .ignore_lease = true}}}};
  return {.compares = {{{"a", "b"}, Compare::Target::kModRevision, Compare::Relation::kGreater, 300, ""},
                       {{"v", ""}, Compare::Target::kValue, Compare::Relation::kNotEqual, 0, "x"}},
          .success = {{RangeRequest{{"r", std::string(1, '\0')}, 2, 3, true, false}},
                      {PutRequest{.key = "p", .value = "1", .lease = -1, .previous = true}}},
          .failure = {{DeleteRequest{{"d", "e"}, true}}, {inner}}};
}

// The log keeps these bytes (docs/formats/kv-command.md).
TEST_CASE("transaction: golden bytes") {
  CHECK(base::hex(kv::encode(example())) ==
        "01"  // version
        "02"  // comparisons
        "0161"
        "0162"
        "02"
        "01"
        "ac02"
        "0176"
        "00"
        "03"
        "03"
        "0178"
        "02"  // when they hold
        "01"
        "01"
        "0172"
        "0100"
        "02"
        "03"
        "02"
        "04"
        "0170"
        "0131"
        "ffffffffffffffffff01"
        "02"  // when not
        "03"
        "04"
        "0164"
        "0165"
        "04"
        "00"
        "00"
        "01"
        "02"
        "18"
        "016b"
        "00"
        "00"
        "00");
}

TEST_CASE("transaction: what was encoded is decoded, and nothing else") {
  const std::string bytes = kv::encode(example());
  CHECK(kv::decode_transaction(bytes) == example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(kv::decode_transaction(bytes.substr(0, size)), base::Error);
  }
  CHECK_THROWS_AS(kv::decode_transaction(bytes + "x"), base::Error);
}

std::string problem(const Transaction& transaction) {
  const auto error = kv::check(transaction);
  return error ? std::string(kv::text_of(*error)) : "";
}

TEST_CASE("transaction: what is refused whatever the state is, in etcd's words") {
  CHECK(problem(example()).empty());
  CHECK(problem({.success = {{PutRequest{}}}}) == "etcdserver: key is not provided");
  CHECK(problem({.compares = {{}}}) == "etcdserver: key is not provided");
  CHECK(problem({.success = {{PutRequest{.key = "a", .value = "b", .ignore_value = true}}}}) ==
        "etcdserver: value is provided");
  CHECK(problem({.success = {{PutRequest{.key = "a", .lease = 1, .ignore_lease = true}}}}) ==
        "etcdserver: lease is provided");
  Transaction many;
  for (std::size_t i = 0; i < kv::kMaxOperations; ++i) many.failure.push_back({PutRequest{.key = std::to_string(i)}});
  CHECK(problem(many).empty());
  many.failure.push_back({PutRequest{.key = "one more"}});
  CHECK(problem(many) == "etcdserver: too many operations in txn request");
  Transaction deep;
  for (std::size_t i = 1; i < kv::kMaxDepth; ++i) deep = {.success = {{deep}}};
  CHECK(problem(deep).empty());
  CHECK(kv::decode_transaction(kv::encode(deep)) == deep);
  deep = {.success = {{deep}}};
  CHECK(problem(deep) == "etcdserver: too many nested transactions in txn request");
  CHECK_THROWS_AS(kv::decode_transaction(kv::encode(deep)), base::Error);
}

TEST_CASE("transaction: no way through it changes a key twice") {
  const Request put{PutRequest{.key = "b"}};
  const Request other{PutRequest{.key = "c"}};
  const Request remove{DeleteRequest{.range = {"a", "c"}}};
  const char* kTwice = "etcdserver: duplicate key given in txn request";
  CHECK(problem({.success = {put, put}}) == kTwice);
  CHECK(problem({.success = {put, remove}}) == kTwice);
  CHECK(problem({.success = {remove, put}}) == kTwice);
  CHECK(problem({.success = {remove, remove, other}}).empty());
  CHECK(problem({.success = {put}, .failure = {put}}).empty());
  const Request branches{Transaction{.success = {put}, .failure = {put, other}}};
  CHECK(problem({.success = {branches}}).empty());
  CHECK(problem({.success = {branches, put}}) == kTwice);
  CHECK(problem({.success = {other, branches}}) == kTwice);
  CHECK(problem({.success = {branches, remove}}) == kTwice);
}

TEST_CASE("transaction: what it may do") {
  CHECK(kv::reads_only({.compares = {{{"a", ""}}}, .success = {{RangeRequest{{"a", ""}}}}}));
  CHECK_FALSE(kv::reads_only(example()));
  CHECK(kv::puts(example()));
  CHECK_FALSE(kv::puts({.success = {{DeleteRequest{{"a", ""}}}}}));
  CHECK(kv::puts({.success = {{Transaction{.failure = {{PutRequest{.key = "a"}}}}}}}));
}

}  // namespace
