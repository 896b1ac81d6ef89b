#pragma once
// The nodes of the store: directories and files with their indices and expiry times. No rules of the API here (store.h
// has them), only structure: find, add, remove, what runs out next, and which nodes changed since the last checkpoint.
// Deterministic: ordered containers only. One thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kv {

struct TreeNode {
  struct ByName {
    using is_transparent = void;
    static std::string_view name_of(const std::unique_ptr<TreeNode>& node) { return node->name; }
    static std::string_view name_of(std::string_view name) { return name; }
    bool operator()(const auto& left, const auto& right) const { return name_of(left) < name_of(right); }
  };
  using Children = std::set<std::unique_ptr<TreeNode>, ByName>;

  std::string name = {};  // last part of the path; empty for the root
  TreeNode* parent = nullptr;
  std::string value = {};
  std::unique_ptr<Children> children = {};  // null for a file
  std::uint64_t created_index = 0;
  std::uint64_t modified_index = 0;
  std::int64_t expires_at = 0;  // nanoseconds since 1970 UTC, 0: never
  // Of a file, as v3 clients see it (key_value.h); its mod_revision is modified_index.
  std::uint64_t create_revision = 0;
  std::uint64_t version = 0;
  std::int64_t lease = 0;

  // The tree's own.
  std::uint32_t change = 0;       // its place in the list of changed nodes, from 1; 0: none
  std::uint64_t path_digest = 0;  // of name and parents
  std::uint64_t digest = 0;       // of all that the state is

  bool directory() const { return children != nullptr; }
  bool hidden() const { return name.starts_with('_'); }
  std::string path() const;
  TreeNode* child(std::string_view child_name) const;  // null: there is none, or this is no directory
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
  // Below "/3" (kv/keyspace.h) the whole rest is one name, with its slashes.
  Found find(std::string_view path) const;

  TreeNode& root() { return *root_; }
  const TreeNode& root() const { return *root_; }
  std::size_t size() const { return size_; }  // nodes without the root

  // About what a node costs beside its name and value.
  static constexpr std::uint64_t kNodeBytes = 256;
  // Names, values and kNodeBytes of all nodes: the same on every member that has the same nodes.
  std::uint64_t bytes() const { return bytes_; }

  // The directory that a path is in, without a look at whether it is there, and its name there.
  static std::pair<std::string_view, std::string_view> split(std::string_view path);

  // REQUIRES: `parent` is a directory without a child of this name; touch() or set_expiry() follows when the indices
  // are set.
  TreeNode& add_file(TreeNode& parent, std::string_view name, std::string value);
  TreeNode& add_directory(TreeNode& parent, std::string_view name);

  // With everything below. REQUIRES: not the root.
  void remove(TreeNode& node);

  // To be followed by touch() or set_expiry().
  void set_value(TreeNode& node, std::string value);
  // touch() is part of it.
  void set_expiry(TreeNode& node, std::int64_t expires_at);
  // The same. 0: none.
  void set_lease(TreeNode& node, std::int64_t lease);
  std::vector<std::int64_t> leases() const;  // those that nodes hang on
  // The paths of the nodes that hang on a lease.
  const std::set<std::string>& leased(std::int64_t lease) const;
  // To be called after a change of value or indices in place.
  void touch(TreeNode& node);

  // The sum of all nodes' digests.
  std::uint64_t digest() const { return digest_; }

  // The node that runs out first (ties by path), or null.
  TreeNode* next_to_expire() const;

  // When the `count` nodes that run out first have done so, or nothing: there are not more. Costs as many steps.
  std::optional<std::int64_t> expiry_of_first(std::size_t count) const;

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
  void unlease(std::int64_t lease, const std::string& path);

  std::unique_ptr<TreeNode> root_;
  std::size_t size_ = 0;
  std::uint64_t digest_ = 0;
  std::uint64_t bytes_ = 0;
  std::set<std::pair<std::int64_t, std::string>> expiries_;
  std::map<std::int64_t, std::set<std::string>> leased_;  // paths
  std::vector<TreeNode*> changed_;                        // null: removed since
  std::vector<std::string> removed_;
};

}  // namespace kv
