#pragma once
// The nodes of the store: directories and files with their indices and expiry times. No rules of the API here (store.h
// has them), only structure: find, add, remove, what runs out next, and which nodes changed since the last checkpoint.
// Deterministic: ordered containers only. One thread.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

struct TreeNode {
  using Children = std::map<std::string, std::unique_ptr<TreeNode>, std::less<>>;

  std::string name = {};  // last part of the path; empty for the root
  TreeNode* parent = nullptr;
  std::string value = {};
  std::unique_ptr<Children> children = {};  // null for a file
  std::uint64_t created_index = 0;
  std::uint64_t modified_index = 0;
  std::int64_t expires_at = 0;  // nanoseconds since 1970 UTC, 0: never

  // The tree's own.
  std::uint32_t change = 0;       // its place in the list of changed nodes, from 1; 0: none
  std::uint64_t path_digest = 0;  // of name and parents
  std::uint64_t digest = 0;       // of all that the state is

  bool directory() const { return children != nullptr; }
  bool hidden() const { return name.starts_with('_'); }
  std::string path() const;
};

class Tree {
 public:
  Tree();

  // What a path leads to. Without a node, `path` is the part of the way where it ended: the missing node, or the file
  // that stands in the way (`through_file`).
  struct Found {
    TreeNode* node = nullptr;
    std::string path = {};
    bool through_file = false;
  };
  Found find(std::string_view path) const;

  TreeNode& root() { return *root_; }
  const TreeNode& root() const { return *root_; }
  std::size_t size() const { return size_; }  // nodes without the root

  // REQUIRES: `parent` is a directory without a child of this name; touch() or set_expiry() follows when the indices
  // are set.
  TreeNode& add_file(TreeNode& parent, std::string_view name, std::string value);
  TreeNode& add_directory(TreeNode& parent, std::string_view name);

  // With everything below. REQUIRES: not the root.
  void remove(TreeNode& node);

  // touch() is part of it.
  void set_expiry(TreeNode& node, std::int64_t expires_at);
  // To be called after a change of value or indices in place.
  void touch(TreeNode& node);

  // The sum of all nodes' digests.
  std::uint64_t digest() const { return digest_; }

  // The node that runs out first (ties by path), or null.
  TreeNode* next_to_expire() const;

  // What changed since the last call: the state then, without `removed`, and with `changed` as they are now, is the
  // state now. A directory stands before what is in it. The nodes are valid until the next change.
  struct Changes {
    std::vector<const TreeNode*> changed;
    std::vector<std::string> removed;
  };
  Changes take_changes();

 private:
  TreeNode& add(TreeNode& parent, std::string_view name);
  void forget(TreeNode& node, std::string path);

  std::unique_ptr<TreeNode> root_;
  std::size_t size_ = 0;
  std::uint64_t digest_ = 0;
  std::set<std::pair<std::int64_t, std::string>> expiries_;
  std::vector<TreeNode*> changed_;  // null: removed since
  std::vector<std::string> removed_;
};

}  // namespace kv
