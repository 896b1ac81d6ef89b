// What the checkpoint takes from the state, and a state made of what it has.

#include <format>

#include "base/error.h"
#include "kv/event_bytes.h"
#include "kv/keyspace.h"
#include "kv/store.h"

namespace kv {

StoreChanges Store::take_changes() {
  StoreChanges changes;
  changes.position = position_;
  Tree::Changes nodes = tree_.take_changes();
  changes.removed = std::move(nodes.removed);
  changes.nodes.reserve(nodes.changed.size());
  for (const TreeNode* node : nodes.changed) {
    changes.nodes.push_back({node->path(), node->value, node->directory(), node->created_index, node->modified_index,
                             node->expires_at, node->create_revision, node->version, node->lease});
  }
  changes.first_event = history_.first_index();
  changes.first_new_event = std::max(checkpointed_revision_ + 1, changes.first_event);
  for (std::uint64_t index = changes.first_new_event; index <= history_.last_index(); ++index) {
    changes.events.emplace_back(history_.bytes_at(index));
  }
  checkpointed_revision_ = position_.revision;
  return changes;
}

void Store::restore(const StoreImage& image) {
  Store fresh(history_.limits());
  fresh.fill(image);
  fresh.stats_ = stats_;
  *this = std::move(fresh);
}

void Store::fill(const StoreImage& image) {
  for (const NodeRow& row : image.nodes) {
    auto [directory, name] = Tree::split(row.path);
    TreeNode* parent = tree_.find(directory).node;
    if (parent == nullptr || !parent->directory()) {
      throw base::Error("restore", row.path, "its directory is missing from the checkpoint");
    }
    const bool key = !row.directory && key_of_path(row.path);
    if ((row.lease != 0 && !key) || (row.directory && directory == kLooseRoot)) {
      throw base::Error("restore", row.path, "it is no key");
    }
    TreeNode* known = parent->child(name);
    if (known != nullptr && (!row.directory || !read_only(row.path)))
      throw base::Error("restore", row.path, "it occurs twice");
    TreeNode& node = known != nullptr ? *known
                     : row.directory  ? tree_.add_directory(*parent, name)
                                      : tree_.add_file(*parent, name, row.value);
    node.created_index = row.created_index;
    node.modified_index = row.modified_index;
    node.create_revision = row.create_revision;
    node.version = row.version;
    tree_.set_lease(node, row.lease);
    tree_.set_expiry(node, row.expires_at);
  }
  for (const std::int64_t lease : tree_.leases()) {
    if (!this->lease(lease)) throw base::Error("restore", lease_path(lease), "keys hang on it, but it is not there");
  }
  for (const std::string& record : image.events) {
    std::vector<EventPtr> events;
    for (StoreEvent& event : decode_events(record)) {
      events.push_back(std::make_shared<const StoreEvent>(std::move(event)));
    }
    const std::uint64_t index = events.front()->index;
    if (!history_.empty() && index != history_.last_index() + 1) {
      throw base::Error("restore", "history", std::format("event {} does not follow {}", index, history_.last_index()));
    }
    history_.add(std::move(events));
  }
  position_ = image.position;
  if (!history_.empty() && history_.last_index() != position_.revision) {
    throw base::Error("restore", "history",
                      std::format("it ends at {}, the state at {}", history_.last_index(), position_.revision));
  }
  checkpointed_revision_ = position_.revision;
  member_changes_.count();
  auth_changes_.count();
  tree_.take_changes();
}

}  // namespace kv
