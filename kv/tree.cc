#include "kv/tree.h"

#include <cassert>
#include <utility>

#include "kv/state_digest.h"

namespace kv {

std::string TreeNode::path() const {
  std::vector<const TreeNode*> way;
  for (const TreeNode* node = this; node->parent != nullptr; node = node->parent) way.push_back(node);
  if (way.empty()) return "/";
  std::string path;
  for (auto node = way.rbegin(); node != way.rend(); ++node) path.append("/").append((*node)->name);
  return path;
}

Tree::Tree() : root_(std::make_unique<TreeNode>()) {
  root_->children = std::make_unique<TreeNode::Children>();
}

Tree::Found Tree::find(std::string_view path) const {
  TreeNode* node = root_.get();
  std::size_t at = 1;
  while (at < path.size()) {
    std::size_t end = std::min(path.find('/', at), path.size());
    if (!node->directory()) return {nullptr, std::string(path.substr(0, at - 1)), true};
    auto child = node->children->find(path.substr(at, end - at));
    if (child == node->children->end()) return {nullptr, std::string(path.substr(0, end)), false};
    node = child->second.get();
    at = end + 1;
  }
  return {node, std::string(path), false};
}

TreeNode& Tree::add(TreeNode& parent, std::string_view name) {
  assert(parent.directory());
  auto [at, added] = parent.children->try_emplace(std::string(name), std::make_unique<TreeNode>());
  assert(added);
  TreeNode& node = *at->second;
  node.name = name;
  node.parent = &parent;
  node.path_digest = StateHash().add(parent.path_digest).add(name).value();
  ++size_;
  return node;
}

TreeNode& Tree::add_file(TreeNode& parent, std::string_view name, std::string value) {
  TreeNode& node = add(parent, name);
  node.value = std::move(value);
  return node;
}

TreeNode& Tree::add_directory(TreeNode& parent, std::string_view name) {
  TreeNode& node = add(parent, name);
  node.children = std::make_unique<TreeNode::Children>();
  return node;
}

void Tree::forget(TreeNode& node, std::string path) {
  --size_;
  digest_ -= node.digest;
  if (node.change != 0) changed_[node.change - 1] = nullptr;
  if (node.expires_at != 0) expiries_.erase({node.expires_at, path});
  if (node.directory()) {
    for (const auto& [name, child] : *node.children) forget(*child, path + "/" + name);
  }
  removed_.push_back(std::move(path));
}

void Tree::remove(TreeNode& node) {
  assert(node.parent != nullptr);
  forget(node, node.path());
  node.parent->children->erase(node.parent->children->find(node.name));
}

void Tree::set_expiry(TreeNode& node, std::int64_t expires_at) {
  if (node.expires_at != 0 || expires_at != 0) {
    const std::string path = node.path();
    if (node.expires_at != 0) expiries_.erase({node.expires_at, path});
    node.expires_at = expires_at;
    if (expires_at != 0) expiries_.insert({expires_at, path});
  }
  touch(node);
}

void Tree::touch(TreeNode& node) {
  StateHash hash;
  hash.add(node.path_digest).add(node.directory() ? 1 : 0).add(node.value);
  hash.add(node.created_index).add(node.modified_index).add(static_cast<std::uint64_t>(node.expires_at));
  digest_ += hash.value() - node.digest;
  node.digest = hash.value();
  if (node.change != 0) return;
  changed_.push_back(&node);
  node.change = static_cast<std::uint32_t>(changed_.size());
}

TreeNode* Tree::next_to_expire() const {
  return expiries_.empty() ? nullptr : find(expiries_.begin()->second).node;
}

Tree::Changes Tree::take_changes() {
  Changes changes;
  changes.removed = std::exchange(removed_, {});
  changes.changed.reserve(changed_.size());
  for (TreeNode* node : changed_) {
    if (node == nullptr) continue;
    node->change = 0;
    changes.changed.push_back(node);
  }
  changed_.clear();
  return changes;
}

}  // namespace kv
