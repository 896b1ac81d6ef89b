#pragma once
// Nodes of the tree as answers show them.

#include <cstdint>
#include <string>

#include "kv/event.h"
#include "kv/tree.h"

namespace kv {

// Nodes whose expiry lies before the year 2000 never expire: the time was mangled on its way (etcd's minExpireTime).
inline constexpr std::int64_t kMinExpiry = 946'684'800'000'000'000;

// Seconds from `now` to `expires_at` (nanoseconds), rounded up, as etcd rounds: towards zero when it has passed.
std::int64_t seconds_left(std::int64_t expires_at, std::int64_t now);

void show_expiry(NodeView& view, std::int64_t expires_at, std::int64_t now);

// Of a file: its value, and what v3 clients see.
void show_key(NodeView& view, const TreeNode& node);

enum class Depth {
  kNode,      // without what is in a directory
  kChildren,  // and its children
  kAll,       // and everything below
};

// Hidden children are left out; children stand in the order of their names.
NodeView view_of(const TreeNode& node, const std::string& path, Depth depth, std::int64_t now);

}  // namespace kv
