#include "kv/keyspace.h"

#include <vector>

#include "kv/client/key_path.h"

namespace kv {

namespace {

// Longer ones are kept loose: every part of a path costs a node, and a step down for whoever walks there.
constexpr std::size_t kMaxPathBytes = 4096;

bool may_be_path(std::string_view key) {
  return key.size() > 1 && key.size() <= kMaxPathBytes && key.front() == '/' && clean_key(key) == key;
}

std::string tree_path(std::string_view key) {
  return std::string(kKeysRoot).append(key);
}

// Below a directory, keys stand in the order of their bytes when a directory is taken for "name/": the files "a" and
// "a-b" come before "a/b", since '-' is less than '/'. So a directory is put off while there are such names.
class Walk {
 public:
  using Visit = std::function<bool(std::string_view key, const TreeNode& node)>;

  Walk(const KeyRange& range, const Visit& visit) : range_(range), visit_(visit) {}

  // `prefix`: of the keys in it, with the slash at its end. False when the walk is over.
  bool directory(const TreeNode& node, const std::string& prefix) {
    if (!range_.endless() && prefix >= range_.end) return false;
    std::string_view from;  // of the names
    if (range_.key > prefix) {
      if (!range_.key.starts_with(prefix)) return true;  // all of it comes before the range
      from = std::string_view(range_.key).substr(prefix.size());
    }
    std::vector<const TreeNode*> put_off;  // the last one comes first
    for (std::size_t size = 1; size < from.size(); ++size) {
      if (from[size] > '/') continue;
      const TreeNode* child = node.child(from.substr(0, size));
      if (child != nullptr && child->directory()) put_off.push_back(child);
      if (from[size] == '/') break;
    }
    for (auto at = node.children->lower_bound(from); at != node.children->end(); ++at) {
      const TreeNode& child = **at;
      while (!put_off.empty() && put_off.back()->name + "/" < child.name) {
        if (!take(put_off, prefix)) return false;
      }
      if (child.directory()) {
        put_off.push_back(&child);
      } else if (!file(prefix + child.name, child)) {
        return false;
      }
    }
    while (!put_off.empty()) {
      if (!take(put_off, prefix)) return false;
    }
    return true;
  }

 private:
  bool take(std::vector<const TreeNode*>& put_off, const std::string& prefix) {
    const TreeNode* next = put_off.back();
    put_off.pop_back();
    return directory(*next, prefix + next->name + "/");
  }
  bool file(const std::string& key, const TreeNode& node) { return !range_.ends_before(key) && visit_(key, node); }

  const KeyRange& range_;
  const Visit& visit_;
};

}  // namespace

std::optional<std::string> key_of_path(std::string_view path) {
  if (is_below(path, kKeysRoot)) return std::string(path.substr(kKeysRoot.size()));
  if (is_below(path, kLooseRoot)) return std::string(path.substr(kLooseRoot.size() + 1));
  return std::nullopt;
}

std::string loose_path(std::string_view key) {
  return std::string(kLooseRoot).append("/").append(key);
}

TreeNode* find_key(const Tree& tree, std::string_view key) {
  if (key.empty()) return nullptr;
  if (may_be_path(key)) {
    TreeNode* node = tree.find(tree_path(key)).node;
    if (node != nullptr && !node->directory()) return node;
  }
  return tree.find(loose_path(key)).node;
}

std::string path_for_key(const Tree& tree, std::string_view key) {
  if (may_be_path(key)) {
    std::string path = tree_path(key);
    const Tree::Found found = tree.find(path);
    if (found.node == nullptr && !found.through_file) return path;
  }
  return loose_path(key);
}

KeyValue key_value_of(const TreeNode& node, std::string key) {
  return {std::move(key), node.value, node.create_revision, node.modified_index, node.version, node.lease};
}

KeyValue key_value_of(const NodeView& view, std::string key) {
  return {std::move(key), view.value.value_or(""), view.create_revision, view.modified_index, view.version, view.lease};
}

void for_each_key(const Tree& tree, const KeyRange& range, const Walk::Visit& visit) {
  if (range.single()) {
    const TreeNode* node = find_key(tree, range.key);
    if (node != nullptr) visit(range.key, *node);
    return;
  }
  const TreeNode::Children& loose = *tree.root().child("3")->children;
  auto next = loose.lower_bound(range.key);
  // The loose ones up to a key. False when the walk is over.
  auto loose_before = [&](const std::string_view* key) {
    for (; next != loose.end() && (key == nullptr || (*next)->name < *key); ++next) {
      if (range.ends_before((*next)->name) || !visit((*next)->name, **next)) return false;
    }
    return true;
  };
  const Walk::Visit merged = [&](std::string_view key, const TreeNode& node) {
    return loose_before(&key) && visit(key, node);
  };
  bool stopped = false;
  const Walk::Visit until_stopped = [&](std::string_view key, const TreeNode& node) {
    stopped = !merged(key, node);
    return !stopped;
  };
  Walk(range, until_stopped).directory(*tree.root().child("1"), "/");
  if (!stopped) loose_before(nullptr);
}

}  // namespace kv
