// Each operation follows its namesake of etcd's v2store: first all checks, then the revision moves, then the change.
// A failed command changes nothing, not even the revision; it only moves the applied position.

#include "kv/store.h"

#include <array>
#include <cassert>
#include <format>

#include "base/error.h"
#include "kv/client/key_path.h"
#include "kv/event_bytes.h"
#include "kv/keyspace.h"
#include "kv/state_digest.h"
#include "kv/view.h"

namespace kv {

namespace {

// The root and what is always in it: the cluster's facts, keys, keys that are no paths, what v3 keeps beside its keys.
constexpr std::array<std::string_view, 5> kFixed{"/0", "/1", "/3", "/4", "/4/leases"};

std::int64_t sane_expiry(std::int64_t expires_at) {
  return expires_at < kMinExpiry ? 0 : expires_at;
}

StoreEvent event_of(EventAction action, const std::string& key, std::uint64_t index, std::uint64_t created_index) {
  StoreEvent event{.action = action, .node = {.key = key}};
  event.node.modified_index = index;
  event.node.created_index = created_index;
  event.index = index;
  return event;
}

void count(const Result& result, std::uint64_t& success, std::uint64_t& fail) {
  ++(std::holds_alternative<EventPtr>(result) ? success : fail);
}

}  // namespace

bool Store::read_only(std::string_view path) {
  return path == "/" || std::ranges::contains(kFixed, path);
}

Store::Store(HistoryLimits limits) : history_(limits) {
  for (const std::string_view path : kFixed) {
    auto [directory, name] = Tree::split(path);
    tree_.touch(tree_.add_directory(*tree_.find(directory).node, name));
  }
}

Applied Store::apply(const Command& command, std::uint64_t log_index, std::uint64_t term) {
  skip(log_index, term);
  const std::uint64_t before = position_.revision;
  Result result = EventPtr();
  switch (command.operation) {
    case Operation::kSet:
      result = set(command);
      count(result, stats_.sets_success, stats_.sets_fail);
      break;
    case Operation::kCreate:
    case Operation::kCreateInOrder:
      result = create(command);
      count(result, stats_.create_success, stats_.create_fail);
      break;
    case Operation::kUpdate:
      result = update(command);
      count(result, stats_.update_success, stats_.update_fail);
      break;
    case Operation::kCompareAndSwap:
      result = compare_and_swap(command);
      count(result, stats_.compare_and_swap_success, stats_.compare_and_swap_fail);
      break;
    case Operation::kDelete:
      result = remove(command);
      count(result, stats_.delete_success, stats_.delete_fail);
      break;
    case Operation::kCompareAndDelete:
      result = compare_and_delete(command);
      count(result, stats_.compare_and_delete_success, stats_.compare_and_delete_fail);
      break;
    case Operation::kExpire:
      return {EventPtr(), expire(command.time)};
    case Operation::kAddMember:
    case Operation::kUpdateMember:
    case Operation::kRemoveMember:
    case Operation::kPublishMember:
      return change_member(command);
    case Operation::kTransaction:
      return transact(command);
    case Operation::kCompact:
      return compact(command);
    case Operation::kGrantLease:
    case Operation::kRenewLease:
    case Operation::kRevokeLease:
      return change_lease(command);
  }
  Applied applied{std::move(result), {}};
  if (position_.revision != before) applied.events = history_.at(position_.revision);
  return applied;
}

void Store::skip(std::uint64_t log_index, std::uint64_t term) {
  assert(log_index > position_.applied_index);
  position_.applied_index = log_index;
  position_.applied_term = term;
}

Result Store::get(const std::string& key, bool recursive, std::int64_t now) {
  auto found = find(key);
  if (auto* missing = std::get_if<StoreError>(&found)) {
    ++stats_.gets_fail;
    return *missing;
  }
  ++stats_.gets_success;
  StoreEvent event{.action = EventAction::kGet, .node = {.key = key}};
  event.node = view_of(*std::get<TreeNode*>(found), key, recursive ? Depth::kAll : Depth::kChildren, now);
  event.index = position_.revision;
  return std::make_shared<const StoreEvent>(std::move(event));
}

std::optional<NodeView> Store::peek(const std::string& key) const {
  const TreeNode* node = tree_.find(key).node;
  return node == nullptr ? std::nullopt : std::optional(view_of(*node, key, Depth::kAll, 0));
}

Result Store::set(const Command& command) {
  auto found = find(command.key);
  const StoreError* missing = std::get_if<StoreError>(&found);
  if (missing != nullptr && (missing->code != ErrorCode::kKeyNotFound || command.refresh)) return *missing;
  if (!command.refresh) return put_node(command, command.key, true, EventAction::kSet);
  Command same_value = command;
  same_value.value = std::get<TreeNode*>(found)->value;
  return put_node(same_value, command.key, true, EventAction::kSet);
}

Result Store::create(const Command& command) {
  std::string key = command.key;
  if (command.operation == Operation::kCreateInOrder) {
    key += std::format("{}{:020}", key.ends_with('/') ? "" : "/", position_.revision + 1);
  }
  Command plain = command;
  plain.refresh = false;
  return put_node(plain, key, false, EventAction::kCreate);
}

Result Store::put_node(const Command& command, const std::string& key, bool replace, EventAction action) {
  if (read_only(key)) return error(ErrorCode::kRootReadOnly, "/");

  // Everything that can fail, before anything changes.
  Tree::Found found = tree_.find(key);
  if (found.through_file) return error(ErrorCode::kNotDirectory, found.path);
  if (found.node != nullptr && !replace) return error(ErrorCode::kNodeExists, key);
  if (found.node != nullptr && found.node->directory()) return error(ErrorCode::kNotFile, key);

  const std::uint64_t index = position_.revision + 1;
  StoreEvent event = event_of(action, key, index, index);
  if (found.node != nullptr) event.previous = view_of(*found.node, key, Depth::kNode, command.time);
  // The key may have been kept where v2 does not look: it goes on here.
  std::uint64_t create_revision = 0;
  std::uint64_t version = 0;
  if (found.node == nullptr && !command.directory && is_below(key, kKeysRoot)) {
    const std::string loose = loose_path(std::string_view(key).substr(kKeysRoot.size()));
    if (TreeNode* twin = tree_.find(loose).node) {
      event.taken.push_back(view_of(*twin, loose, Depth::kNode, command.time));
      create_revision = twin->create_revision;
      version = twin->version;
      tree_.remove(*twin);
    }
  }
  TreeNode& node = make_node(command, key, found.node, index);
  node.created_index = index;
  if (version != 0) {
    node.create_revision = create_revision;
    node.version = version;
  }
  note_change(node, index);
  tree_.set_expiry(node, sane_expiry(command.expires_at));

  event.node = view_of(node, key, Depth::kNode, command.time);
  event.refresh = command.refresh;
  return record(std::move(event));
}

// Makes the directories on the way. `present`: the file that it takes the place of, or null.
TreeNode& Store::make_node(const Command& command, const std::string& key, TreeNode* present, std::uint64_t index) {
  if (present != nullptr && !command.directory) {
    tree_.set_value(*present, command.value);
    return *present;
  }
  if (present != nullptr) tree_.remove(*present);

  const auto [directory, last_name] = Tree::split(key);
  TreeNode* parent = &tree_.root();
  for (std::size_t at = 1, end = 0; at < directory.size(); at = end + 1) {
    end = std::min(directory.find('/', at), directory.size());
    const std::string_view name = directory.substr(at, end - at);
    if (TreeNode* child = parent->child(name)) {
      parent = child;
    } else {
      parent = &tree_.add_directory(*parent, name);
      parent->created_index = parent->modified_index = index;
      tree_.touch(*parent);
    }
  }
  return command.directory ? tree_.add_directory(*parent, last_name)
                           : tree_.add_file(*parent, last_name, command.value);
}

Result Store::update(const Command& command) {
  if (read_only(command.key)) return error(ErrorCode::kRootReadOnly, "/");
  auto found = find(command.key);
  if (auto* missing = std::get_if<StoreError>(&found)) return *missing;
  TreeNode& node = *std::get<TreeNode*>(found);
  if (node.directory() && !command.value.empty()) return error(ErrorCode::kNotFile, command.key);

  const std::uint64_t index = position_.revision + 1;
  StoreEvent event = event_of(EventAction::kUpdate, command.key, index, node.created_index);
  event.previous = view_of(node, command.key, Depth::kNode, command.time);
  if (node.directory()) {
    event.node.directory = true;  // only its TTL changes: modified_index stays, as in etcd
  } else {
    if (!command.refresh) tree_.set_value(node, command.value);
    note_change(node, index);
    show_key(event.node, node);
  }
  tree_.set_expiry(node, sane_expiry(command.expires_at));
  show_expiry(event.node, node.expires_at, command.time);
  event.refresh = command.refresh;
  return record(std::move(event));
}

Result Store::compare_and_swap(const Command& command) {
  if (read_only(command.key)) return error(ErrorCode::kRootReadOnly, "/");
  auto found = find(command.key);
  if (auto* missing = std::get_if<StoreError>(&found)) return *missing;
  TreeNode& node = *std::get<TreeNode*>(found);
  if (node.directory()) return error(ErrorCode::kNotFile, command.key);
  if (auto differs = compare(node, command)) return *differs;

  const std::uint64_t index = position_.revision + 1;
  StoreEvent event = event_of(EventAction::kCompareAndSwap, command.key, index, node.created_index);
  event.previous = view_of(node, command.key, Depth::kNode, command.time);
  if (!command.refresh) tree_.set_value(node, command.value);
  note_change(node, index);
  tree_.set_expiry(node, sane_expiry(command.expires_at));
  show_key(event.node, node);
  show_expiry(event.node, node.expires_at, command.time);
  event.refresh = command.refresh;
  return record(std::move(event));
}

Result Store::remove(const Command& command) {
  if (read_only(command.key)) return error(ErrorCode::kRootReadOnly, "/");
  auto found = find(command.key);
  if (auto* missing = std::get_if<StoreError>(&found)) return *missing;
  TreeNode& node = *std::get<TreeNode*>(found);
  if (node.directory()) {
    if (!command.directory && !command.recursive) return error(ErrorCode::kNotFile, command.key);
    if (!node.children->empty() && !command.recursive) return error(ErrorCode::kDirectoryNotEmpty, command.key);
  }
  StoreEvent event = event_of(EventAction::kDelete, command.key, position_.revision + 1, node.created_index);
  event.node.directory = node.directory();
  event.previous = view_of(node, command.key, Depth::kNode, command.time);
  take_along(event, node);
  tree_.remove(node);
  return record(std::move(event));
}

Result Store::compare_and_delete(const Command& command) {
  auto found = find(command.key);
  if (auto* missing = std::get_if<StoreError>(&found)) return *missing;
  TreeNode& node = *std::get<TreeNode*>(found);
  if (node.directory()) return error(ErrorCode::kNotFile, command.key);
  if (auto differs = compare(node, command)) return *differs;
  StoreEvent event = event_of(EventAction::kCompareAndDelete, command.key, position_.revision + 1, node.created_index);
  event.previous = view_of(node, command.key, Depth::kNode, command.time);
  tree_.remove(node);
  return record(std::move(event));
}

std::vector<EventPtr> Store::expire(std::int64_t cutoff) {
  std::vector<EventPtr> events;
  for (TreeNode* node = tree_.next_to_expire(); node != nullptr && node->expires_at <= cutoff;
       node = tree_.next_to_expire()) {
    std::string key = node->path();
    if (const auto lease = lease_of_path(key)) {
      std::ranges::move(end_lease(*node, *lease, EventAction::kExpire, cutoff), std::back_inserter(events));
      continue;
    }
    StoreEvent event = event_of(EventAction::kExpire, key, position_.revision + 1, node->created_index);
    event.node.directory = node->directory();
    event.previous = view_of(*node, key, Depth::kNode, cutoff);
    take_along(event, *node);
    tree_.remove(*node);
    events.push_back(record(std::move(event)));
    ++stats_.expire_count;
  }
  return events;
}

std::optional<StoreError> Store::compare(const TreeNode& node, const Command& command) const {
  bool index_holds = command.previous_index == 0 || command.previous_index == node.modified_index;
  bool value_holds = command.previous_value.empty() || command.previous_value == node.value;
  if (index_holds && value_holds) return std::nullopt;
  std::string value = std::format("[{} != {}]", command.previous_value, node.value);
  std::string index = std::format("[{} != {}]", command.previous_index, node.modified_index);
  if (index_holds) return error(ErrorCode::kTestFailed, value);
  if (value_holds) return error(ErrorCode::kTestFailed, index);
  return error(ErrorCode::kTestFailed, value + " " + index);
}

void Store::note_change(TreeNode& node, std::uint64_t index, std::int64_t lease) {
  node.modified_index = index;
  if (node.directory()) return;
  if (node.version++ == 0) node.create_revision = index;
  tree_.set_lease(node, lease);
}

// The keys that go with a directory, for those who see keys alone.
void Store::take_along(StoreEvent& event, const TreeNode& node) {
  if (!node.directory() || !key_of_path(event.node.key)) return;
  std::size_t bytes = 0;
  auto take = [&](auto& self, const TreeNode& directory, const std::string& path) -> void {
    for (const auto& child : *directory.children) {
      const std::string child_path = path + "/" + child->name;
      if (child->directory()) {
        self(self, *child, child_path);
      } else if ((bytes += child_path.size() + child->value.size()) <= kMaxTakenBytes) {
        event.taken.push_back(view_of(*child, child_path, Depth::kNode, 0));
      }
    }
  };
  take(take, node, event.node.key);
  event.forgets = bytes > kMaxTakenBytes;
  if (event.forgets) event.taken.clear();
}

EventPtr Store::record(StoreEvent event) {
  EventPtr shared = std::make_shared<const StoreEvent>(std::move(event));
  record(std::vector{shared});
  return shared;
}

void Store::record(std::vector<EventPtr> events) {
  position_.revision = events.front()->index;
  for (const EventPtr& event : events) {
    if (event->node.key.starts_with("/0/")) member_changes_.count();
    if (event->node.key.starts_with("/2")) auth_changes_.count();
  }
  history_.add(std::move(events));
}

std::variant<TreeNode*, StoreError> Store::find(const std::string& key) const {
  Tree::Found found = tree_.find(key);
  if (found.node != nullptr) return found.node;
  return error(found.through_file ? ErrorCode::kNotDirectory : ErrorCode::kKeyNotFound, found.path);
}

StoreError Store::error(ErrorCode code, std::string cause) const {
  return {code, std::move(cause), revision()};
}

std::optional<StoreError> Store::history_gap(std::uint64_t since) const {
  if (since >= history_.first_index()) return std::nullopt;
  return error(ErrorCode::kEventIndexCleared,
               std::format("the requested history has been cleared [{}/{}]", history_.first_index(), since));
}

std::optional<std::int64_t> Store::next_expiry() const {
  const TreeNode* node = tree_.next_to_expire();
  return node == nullptr ? std::nullopt : std::optional(node->expires_at);
}

std::int64_t Store::expiry_cutoff(std::size_t count, std::int64_t now) const {
  return std::min(now, tree_.expiry_of_first(count).value_or(now));
}

std::uint64_t Store::digest() const {
  StateHash hash;
  hash.add(position_.revision).add(position_.applied_index).add(position_.applied_term).add(tree_.digest());
  return hash.value();
}

}  // namespace kv
