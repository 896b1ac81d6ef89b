#include "kv/tree.h"

#include <cassert>
#include <iterator>
#include <utility>

#include "kv/state_digest.h"

namespace kv {

namespace {

// Keys that are no paths are in it (kv/keyspace.h).
constexpr std::string_view kFlatDirectory = "/3/";

}  // namespace

std::string TreeNode::path() const {
  std::vector<const TreeNode*> way;
  for (const TreeNode* node = this; node->parent != nullptr; node = node->parent) way.push_back(node);
  if (way.empty()) return "/";
  std::string path;
  for (auto node = way.rbegin(); node != way.rend(); ++node) path.append("/").append((*node)->name);
  return path;
}

TreeNode* TreeNode::child(std::string_view child_name) const {
  if (!directory()) return nullptr;
  auto at = children->find(child_name);
  return at == children->end() ? nullptr : at->get();
}

Tree::Tree() : root_(std::make_unique<TreeNode>()) {
  root_->children = std::make_unique<TreeNode::Children>();
}

Tree::Found Tree::find(std::string_view path) const {
  TreeNode* node = root_.get();
  std::size_t at = 1;
  while (at < path.size()) {
    const bool flat = at == kFlatDirectory.size() && path.starts_with(kFlatDirectory);
    const std::size_t end = flat ? path.size() : std::min(path.find('/', at), path.size());
    if (!node->directory()) return {nullptr, std::string(path.substr(0, at - 1)), true};
    TreeNode* child = node->child(path.substr(at, end - at));
    if (child == nullptr) return {nullptr, std::string(path.substr(0, end)), false};
    node = child;
    at = end + 1;
  }
  return {node, std::string(path), false};
}

std::pair<std::string_view, std::string_view> Tree::split(std::string_view path) {
  const std::size_t slash = path.starts_with(kFlatDirectory) ? kFlatDirectory.size() - 1 : path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

TreeNode& Tree::add(TreeNode& parent, std::string_view name) {
  assert(parent.directory());
  auto made = std::make_unique<TreeNode>();
  TreeNode& node = *made;
  node.name = name;
  node.parent = &parent;
  [[maybe_unused]] const bool added = parent.children->insert(std::move(made)).second;
  assert(added);
  node.path_digest = StateHash().add(parent.path_digest).add(name).value();
  ++size_;
  bytes_ += kNodeBytes + name.size();
  return node;
}

TreeNode& Tree::add_file(TreeNode& parent, std::string_view name, std::string value) {
  TreeNode& node = add(parent, name);
  set_value(node, std::move(value));
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
  bytes_ -= kNodeBytes + node.name.size() + node.value.size();
  if (node.change != 0) changed_[node.change - 1] = nullptr;
  if (node.expires_at != 0) expiries_.erase({node.expires_at, path});
  if (node.lease != 0) unlease(node.lease, path);
  if (node.directory()) {
    for (const auto& child : *node.children) forget(*child, path + "/" + child->name);
  }
  removed_.push_back(std::move(path));
}

void Tree::remove(TreeNode& node) {
  assert(node.parent != nullptr);
  forget(node, node.path());
  node.parent->children->erase(node.parent->children->find(std::string_view(node.name)));
}

void Tree::set_value(TreeNode& node, std::string value) {
  bytes_ += value.size() - node.value.size();
  node.value = std::move(value);
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

void Tree::unlease(std::int64_t lease, const std::string& path) {
  auto paths = leased_.find(lease);
  paths->second.erase(path);
  if (paths->second.empty()) leased_.erase(paths);
}

void Tree::set_lease(TreeNode& node, std::int64_t lease) {
  if (node.lease == lease) return;
  const std::string path = node.path();
  if (node.lease != 0) unlease(node.lease, path);
  node.lease = lease;
  if (lease != 0) leased_[lease].insert(path);
}

std::vector<std::int64_t> Tree::leases() const {
  std::vector<std::int64_t> ids;
  for (const auto& [lease, paths] : leased_) ids.push_back(lease);
  return ids;
}

const std::set<std::string>& Tree::leased(std::int64_t lease) const {
  static const std::set<std::string> none;
  auto paths = leased_.find(lease);
  return paths == leased_.end() ? none : paths->second;
}

void Tree::touch(TreeNode& node) {
  StateHash hash;
  hash.add(node.path_digest).add(node.directory() ? 1 : 0).add(node.value);
  hash.add(node.created_index).add(node.modified_index).add(static_cast<std::uint64_t>(node.expires_at));
  hash.add(node.create_revision).add(node.version).add(static_cast<std::uint64_t>(node.lease));
  digest_ += hash.value() - node.digest;
  node.digest = hash.value();
  if (node.change != 0) return;
  changed_.push_back(&node);
  node.change = static_cast<std::uint32_t>(changed_.size());
}

TreeNode* Tree::next_to_expire() const {
  return expiries_.empty() ? nullptr : find(expiries_.begin()->second).node;
}

std::optional<std::int64_t> Tree::expiry_of_first(std::size_t count) const {
  if (expiries_.size() <= count) return std::nullopt;
  return std::next(expiries_.begin(), static_cast<std::ptrdiff_t>(count) - 1)->first;
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
