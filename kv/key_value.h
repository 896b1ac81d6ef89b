#pragma once
// What is stored, as v3 clients see it: flat keys of any bytes, each with its revisions, version and lease
// (etcd api/mvccpb/kv.proto).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kv {

struct KeyValue {
  std::string key;
  std::string value = {};
  std::uint64_t create_revision = 0;  // since when there has been a value without a break
  std::uint64_t mod_revision = 0;     // of the last change
  std::uint64_t version = 0;          // changes since then, the first one is 1; 0: there is no such key
  std::int64_t lease = 0;             // 0: none

  bool operator==(const KeyValue&) const = default;
};

// One key, or all from `key` to `end`, which does not belong to them.
struct KeyRange {
  std::string key = {};
  std::string end = {};  // empty: `key` alone; one byte of zero: there is no end

  bool single() const { return end.empty(); }
  bool endless() const { return end == std::string_view("\0", 1); }
  bool ends_before(std::string_view other) const { return single() ? other != key : !endless() && other >= end; }
  bool contains(std::string_view other) const { return other >= key && !ends_before(other); }

  bool operator==(const KeyRange&) const = default;
};

// What one revision did to a key. Its `after.version` is 0 when it took the key away.
struct KeyChange {
  std::optional<KeyValue> before;
  KeyValue after;

  bool operator==(const KeyChange&) const = default;
};

}  // namespace kv
