#include "kv/auth_rules.h"

#include <algorithm>
#include <format>
#include <set>

#include "kv/go_json.h"
#include "kv/go_text.h"

namespace kv {

namespace {

using Names = std::set<std::string, std::less<>>;

Names set_of(const NameList& list) {
  return list ? Names(list->begin(), list->end()) : Names();
}

NameList sorted_list(const Names& names) {
  return std::vector<std::string>(names.begin(), names.end());
}

bool read_permissions(const base::Json& json, Permissions& out) {
  if (json.is_null()) return true;
  if (!json.is_object()) return false;
  for (const auto& [name, value] : json.items()) {
    if (!is_field(name, "kv")) continue;
    if (value.is_null()) continue;
    if (!value.is_object()) return false;
    for (const auto& [kind, patterns] : value.items()) {
      if (is_field(kind, "read") && !read_strings(patterns, out.read)) return false;
      if (is_field(kind, "write") && !read_strings(patterns, out.write)) return false;
    }
  }
  return true;
}

bool read_change(const base::Json& json, std::optional<Permissions>& out) {
  out.reset();
  return json.is_null() || read_permissions(json, out.emplace());
}

void append_list(std::string& out, const NameList& list) {
  if (!list) {
    out += "null";
    return;
  }
  const char* separator = "[";
  for (const std::string& name : *list) {
    out += separator;
    append_json_string(out, name);
    separator = ",";
  }
  out += list->empty() ? "[]" : "]";
}

void append_permissions(std::string& out, const Permissions& permissions) {
  out += R"({"kv":{"read":)";
  append_list(out, permissions.read);
  out += R"(,"write":)";
  append_list(out, permissions.write);
  out += "}}";
}

std::optional<AuthError> grant(NameList& list, const NameList& names, std::string_view kind) {
  Names all = set_of(list);
  if (names) {
    for (const std::string& name : *names) {
      if (!all.insert(name).second) {
        return AuthError{409, std::format("Granting duplicate {} permission {}", kind, name)};
      }
    }
  }
  list = sorted_list(all);
  return std::nullopt;
}

// What was not granted is no error here.
void revoke(NameList& list, const NameList& names) {
  Names all = set_of(list);
  if (names) {
    for (const std::string& name : *names) all.erase(name);
  }
  list = sorted_list(all);
}

bool matches(std::string_view pattern, std::string_view key, bool recursive) {
  if (pattern.ends_with('*')) return key.starts_with(pattern.substr(0, pattern.size() - 1));
  return !recursive && !pattern.empty() && key == pattern;
}

}  // namespace

bool User::has_role(std::string_view role) const {
  return roles && std::ranges::contains(*roles, role);
}

Permissions all_permissions() {
  std::vector<std::string> all{"/*"};
  return {all, all};
}

Role root_role() {
  return {std::string(kRootRole), all_permissions()};
}

std::optional<User> parse_user(std::string_view text) {
  std::optional<base::Json> json = decode_first_json(text);
  if (!json) return std::nullopt;
  User user;
  if (json->is_null()) return user;
  if (!json->is_object()) return std::nullopt;
  for (const auto& [name, value] : json->items()) {
    bool fits = true;
    if (is_field(name, "user")) fits = read_string(value, user.name);
    if (is_field(name, "password")) fits = read_string(value, user.password);
    if (is_field(name, "roles")) fits = read_strings(value, user.roles);
    if (is_field(name, "grant")) fits = read_strings(value, user.grant);
    if (is_field(name, "revoke")) fits = read_strings(value, user.revoke);
    if (!fits) return std::nullopt;
  }
  return user;
}

std::optional<Role> parse_role(std::string_view text) {
  std::optional<base::Json> json = decode_first_json(text);
  if (!json) return std::nullopt;
  Role role;
  if (json->is_null()) return role;
  if (!json->is_object()) return std::nullopt;
  for (const auto& [name, value] : json->items()) {
    bool fits = true;
    if (is_field(name, "role")) fits = read_string(value, role.name);
    if (is_field(name, "permissions")) fits = read_permissions(value, role.permissions);
    if (is_field(name, "grant")) fits = read_change(value, role.grant);
    if (is_field(name, "revoke")) fits = read_change(value, role.revoke);
    if (!fits) return std::nullopt;
  }
  return role;
}

std::string user_json(const User& user) {
  std::string out = R"({"user":)";
  append_json_string(out, user.name);
  if (!user.password.empty()) {
    out += R"(,"password":)";
    append_json_string(out, user.password);
  }
  out += R"(,"roles":)";
  append_list(out, user.roles);
  if (user.grant && !user.grant->empty()) {
    out += R"(,"grant":)";
    append_list(out, user.grant);
  }
  if (user.revoke && !user.revoke->empty()) {
    out += R"(,"revoke":)";
    append_list(out, user.revoke);
  }
  return out += '}';
}

std::string role_json(const Role& role) {
  std::string out = R"({"role":)";
  append_json_string(out, role.name);
  out += R"(,"permissions":)";
  append_permissions(out, role.permissions);
  if (role.grant) {
    out += R"(,"grant":)";
    append_permissions(out, *role.grant);
  }
  if (role.revoke) {
    out += R"(,"revoke":)";
    append_permissions(out, *role.revoke);
  }
  return out += '}';
}

void attach_root_role(User& user) {
  if (user.name != kRootUser || user.has_role(kRootRole)) return;
  if (!user.roles) user.roles.emplace();
  user.roles->emplace_back(kRootRole);
}

std::variant<User, AuthError> merged(const User& user, const User& change) {
  Names roles = set_of(user.roles);
  if (change.grant) {
    for (const std::string& role : *change.grant) {
      if (!roles.insert(role).second) {
        return AuthError{409, std::format("Granting duplicate role {} for user {}", role, change.name)};
      }
    }
  }
  if (change.revoke) {
    for (const std::string& role : *change.revoke) {
      if (roles.erase(role) == 0) {
        return AuthError{409, std::format("Revoking ungranted role {} for user {}", role, change.name)};
      }
    }
  }
  return User{.name = user.name, .password = user.password, .roles = sorted_list(roles)};
}

std::variant<Role, AuthError> merged(const Role& role, const Role& change) {
  Role out{.name = role.name, .permissions = role.permissions};
  if (change.grant) {
    if (auto error = grant(out.permissions.read, change.grant->read, "read")) return *error;
    if (auto error = grant(out.permissions.write, change.grant->write, "write")) return *error;
  }
  if (change.revoke) {
    revoke(out.permissions.read, change.revoke->read);
    revoke(out.permissions.write, change.revoke->write);
  }
  return out;
}

bool allows(const Role& role, std::string_view key, bool write, bool recursive) {
  if (role.name == kRootRole) return true;
  const NameList& patterns = write ? role.permissions.write : role.permissions.read;
  if (!patterns) return false;
  return std::ranges::any_of(*patterns, [&](const std::string& pattern) { return matches(pattern, key, recursive); });
}

}  // namespace kv
