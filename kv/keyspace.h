#pragma once
// The keys of the v3 API within the tree that the v2 API shows: one keyspace, two views of it.
//
// A key that v2 can name (a clean path, "/a/b") is the file of that path below "/1", as long as v2's rules let it be
// one. Keys that v2 cannot name ("a", "/a/", "/a//b"), and "/a" while "/a/b" is there or the other way round, are kept
// below "/3" under their whole name, where v2 does not look. A key is never in both places.
//
// Pure functions of the tree; one thread.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kv/event.h"
#include "kv/key_value.h"
#include "kv/tree.h"

namespace kv {

inline constexpr std::string_view kKeysRoot = "/1";
inline constexpr std::string_view kLooseRoot = "/3";

// The key of a node's path, or nothing: it holds none (cluster facts, users, leases).
std::optional<std::string> key_of_path(std::string_view path);

// Where a key is looked for besides.
std::string loose_path(std::string_view key);

// The node that holds the key, or null.
TreeNode* find_key(const Tree& tree, std::string_view key);

// Where a key that is not there may be made.
std::string path_for_key(const Tree& tree, std::string_view key);

KeyValue key_value_of(const TreeNode& node, std::string key);
KeyValue key_value_of(const NodeView& view, std::string key);

// The keys of a range in the order of their bytes, hidden ones too, until `visit` returns false. The tree must not
// change meanwhile. Costs as many steps as there are keys, and a few for where they begin.
void for_each_key(const Tree& tree, const KeyRange& range,
                  const std::function<bool(std::string_view key, const TreeNode& node)>& visit);

}  // namespace kv
