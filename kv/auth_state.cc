#include "kv/auth_state.h"

#include <algorithm>
#include <format>

namespace kv {

void AuthState::refresh() {
  if (seen_ == store_.auth_changes()) return;
  seen_ = store_.auth_changes();
  users_.clear();
  roles_.clear();
  std::optional<NodeView> node = store_.peek(std::string(kAuthEnabledKey));
  enabled_ = node && node->value == "true";
}

bool AuthState::enabled() {
  refresh();
  return enabled_;
}

// Names come from outside: one with a slash would lead elsewhere.
std::optional<NodeView> AuthState::file(std::string_view directory, const std::string& name) const {
  if (name.empty() || name.contains('/')) return std::nullopt;
  std::optional<NodeView> node = store_.peek(std::format("{}/{}", directory, name));
  return node && node->value ? node : std::nullopt;
}

const Stored<User>* AuthState::user(const std::string& name) {
  refresh();
  auto known = users_.find(name);
  if (known == users_.end()) {
    std::optional<NodeView> node = file(kUsersKey, name);
    std::optional<User> user = node ? parse_user(*node->value) : std::nullopt;
    if (!user) return nullptr;
    attach_root_role(*user);
    known = users_.emplace(name, Stored<User>{std::move(*user), node->modified_index}).first;
  }
  return &known->second;
}

const Stored<Role>* AuthState::role(const std::string& name) {
  refresh();
  auto known = roles_.find(name);
  if (known == roles_.end()) {
    if (name == kRootRole) return &roles_.emplace(name, Stored<Role>{root_role()}).first->second;
    std::optional<NodeView> node = file(kRolesKey, name);
    std::optional<Role> role = node ? parse_role(*node->value) : std::nullopt;
    if (!role) return nullptr;
    known = roles_.emplace(name, Stored<Role>{std::move(*role), node->modified_index}).first;
  }
  return &known->second;
}

std::vector<std::string> AuthState::names_in(std::string_view directory) const {
  std::vector<std::string> names;
  std::optional<NodeView> node = store_.peek(std::string(directory));
  if (!node) return names;
  for (const NodeView& child : node->nodes) names.push_back(child.key.substr(directory.size() + 1));
  return names;
}

std::vector<std::string> AuthState::user_names() const {
  std::vector<std::string> names = names_in(kUsersKey);
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> AuthState::role_names() const {
  std::vector<std::string> names = names_in(kRolesKey);
  names.emplace_back(kRootRole);
  std::ranges::sort(names);
  return names;
}

}  // namespace kv
