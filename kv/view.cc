#include "kv/view.h"

namespace kv {

std::int64_t seconds_left(std::int64_t expires_at, std::int64_t now) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t left = expires_at - now;
  return left / kSecond + (left % kSecond > 0 ? 1 : 0);
}

void show_expiry(NodeView& view, std::int64_t expires_at, std::int64_t now) {
  if (expires_at == 0) return;
  view.expires_at = expires_at;
  view.ttl = seconds_left(expires_at, now);
}

void show_key(NodeView& view, const TreeNode& node) {
  view.value = node.value;
  view.create_revision = node.create_revision;
  view.version = node.version;
  view.lease = node.lease;
}

NodeView view_of(const TreeNode& node, const std::string& path, Depth depth, std::int64_t now) {
  NodeView view{.key = path};
  view.modified_index = node.modified_index;
  view.created_index = node.created_index;
  show_expiry(view, node.expires_at, now);
  if (!node.directory()) {
    show_key(view, node);
    return view;
  }
  view.directory = true;
  if (depth == Depth::kNode) return view;
  const Depth below = depth == Depth::kAll ? Depth::kAll : Depth::kNode;
  const std::string prefix = path == "/" ? path : path + "/";
  for (const auto& child : *node.children) {
    if (!child->hidden()) view.nodes.push_back(view_of(*child, prefix + child->name, below, now));
  }
  return view;
}

}  // namespace kv
