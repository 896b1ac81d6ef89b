#pragma once
// For the tests of keys and leases: a store with the verbs of both APIs.

#include <doctest/doctest.h>

#include <format>
#include <optional>
#include <string>
#include <vector>

#include "kv/store.h"

namespace kv {

inline constexpr std::int64_t kSecond = 1'000'000'000;

// From the first key on, without an end.
inline const KeyRange kAllKeys{std::string(1, '\0'), std::string(1, '\0')};

// v2's keys are given without "/1".
struct KeysFixture {
  Store store;
  std::int64_t now = 1'700'000'000 * kSecond;
  std::uint64_t log_index = 0;
  std::vector<EventPtr> events = {};  // of the last command

  Result apply(Command command) {
    command.time = now;
    Applied applied = store.apply(command, ++log_index, 2);
    events = applied.events;
    return applied.result;
  }
  KeysAnswer keys(Command command) { return std::get<KeysAnswer>(apply(std::move(command))); }
  KeysAnswer transact(const Transaction& transaction) {
    return keys({.operation = Operation::kTransaction, .value = encode(transaction)});
  }
  KeysAnswer put(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    return transact({.success = {{PutRequest{.key = key, .value = value, .lease = lease, .previous = true}}}});
  }
  std::uint64_t remove(const std::string& key, const std::string& end = "") {
    const KeysAnswer answer = transact({.success = {{DeleteRequest{.range = {key, end}}}}});
    return std::get<DeleteAnswer>(answer.transaction.answers.at(0).what).deleted;
  }
  KeysAnswer grant(std::int64_t id, std::int64_t seconds) {
    return keys({.operation = Operation::kGrantLease,
                 .key = lease_path(id),
                 .value = std::to_string(seconds),
                 .expires_at = lease_end(seconds, now)});
  }
  KeysAnswer lease(Operation operation, std::int64_t id) {
    return keys({.operation = operation, .key = lease_path(id)});
  }
  void expire() { apply({.operation = Operation::kExpire}); }

  Result set(const std::string& key, const std::string& value) {
    return apply({.operation = Operation::kSet, .key = "/1" + key, .value = value});
  }
  Result remove_node(const std::string& key) {
    return apply({.operation = Operation::kDelete, .key = "/1" + key, .recursive = true});
  }

  std::optional<KeyValue> at(const std::string& key, std::uint64_t revision = 0) const {
    auto answer = std::get<RangeAnswer>(store.range({.range = {key, ""}, .revision = revision}));
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

}  // namespace kv
