// Leases, granted, renewed and ended where the commands are applied (etcd server/lease/lessor.go); times are the
// proposer's, so every member ends them at the same entry.

#include <algorithm>
#include <charconv>

#include "kv/keyspace.h"
#include "kv/store_keys.h"

namespace kv {

namespace {

std::int64_t seconds_of(const std::string& text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 && value <= kMaxLeaseTtl ? value : 0;
}

}  // namespace

std::optional<Lease> Store::lease(std::int64_t id) const {
  const TreeNode* node = tree_.find(lease_path(id)).node;
  if (node == nullptr) return std::nullopt;
  return Lease{id, seconds_of(node->value), node->expires_at};
}

std::vector<Lease> Store::leases() const {
  std::vector<Lease> all;
  for (const auto& node : *tree_.find(kLeasesRoot).node->children) {
    if (const auto id = lease_of_path(node->path())) all.push_back({*id, seconds_of(node->value), node->expires_at});
  }
  std::ranges::sort(all, {}, &Lease::id);
  return all;
}

std::vector<std::string> Store::keys_of_lease(std::int64_t id) const {
  std::vector<std::string> keys;
  for (const std::string& path : tree_.leased(id)) keys.push_back(*key_of_path(path));
  std::ranges::sort(keys);
  return keys;
}

Applied Store::change_lease(const Command& command) {
  if (command.operation == Operation::kGrantLease) return {grant_lease(command)};
  KeysAnswer answer{.revision = revision()};
  const std::optional<std::int64_t> id = lease_of_path(command.key);
  TreeNode* node = id ? tree_.find(command.key).node : nullptr;
  if (node == nullptr) {
    answer.error = KeyError::kLeaseNotFound;
    return {answer};
  }
  if (command.operation == Operation::kRevokeLease) {
    std::vector<EventPtr> events = end_lease(*node, *id, EventAction::kDelete, command.time);
    answer.revision = revision();
    return {std::move(answer), std::move(events)};
  }
  // Whose clock is behind does not make it shorter.
  tree_.set_expiry(*node, std::max(node->expires_at, lease_end(seconds_of(node->value), command.time)));
  return {answer};
}

KeysAnswer Store::grant_lease(const Command& command) {
  KeysAnswer answer{.revision = revision()};
  const std::optional<std::int64_t> id = lease_of_path(command.key);
  if (!id || seconds_of(command.value) == 0) {
    answer.error = KeyError::kLeaseNotFound;
  } else if (lease(*id)) {
    answer.error = KeyError::kLeaseExists;
  } else {
    auto [directory, name] = Tree::split(command.key);
    TreeNode& node = tree_.add_file(*tree_.find(directory).node, name, command.value);
    tree_.set_expiry(node, command.expires_at);
  }
  return answer;
}

// All keys that hang on it go in one revision, in their order.
std::vector<EventPtr> Store::end_lease(TreeNode& node, std::int64_t id, EventAction action, std::int64_t now) {
  KeyWriter writer(*this, now);
  for (const std::string& key : keys_of_lease(id)) {
    TreeNode* leased = find_key(tree_, key);
    writer.remove(*leased, leased->path(), action);
  }
  tree_.remove(node);
  return writer.record();
}

}  // namespace kv
