#pragma once
// Users, roles and what they may do, by the rules of etcd's v2 API (etcdserver/api/v2auth/auth.go), and their JSON. No
// store, no request, no password hash here.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kv {

inline constexpr std::string_view kRootUser = "root";
inline constexpr std::string_view kRootRole = "root";
inline constexpr std::string_view kGuestRole = "guest";

// Nothing is JSON's null, which etcd keeps apart from the empty list.
using NameList = std::optional<std::vector<std::string>>;

struct Permissions {
  NameList read = {};
  NameList write = {};

  bool empty() const { return (!read || read->empty()) && (!write || write->empty()); }
  bool operator==(const Permissions&) const = default;
};

struct User {
  std::string name;
  std::string password = {};  // in the tree: its bcrypt hash
  NameList roles = {};
  NameList grant = {};
  NameList revoke = {};

  bool has_role(std::string_view role) const;
  bool changes_roles() const { return (grant && !grant->empty()) || (revoke && !revoke->empty()); }
  bool operator==(const User&) const = default;
};

struct Role {
  std::string name;
  Permissions permissions = {};
  std::optional<Permissions> grant = {};
  std::optional<Permissions> revoke = {};

  bool changes_permissions() const { return (grant && !grant->empty()) || (revoke && !revoke->empty()); }
  bool operator==(const Role&) const = default;
};

// {"read":["/*"],"write":["/*"]}, as root always and guests at first have.
Permissions all_permissions();
Role root_role();

// Nothing for a body that Go's decoder refuses.
std::optional<User> parse_user(std::string_view text);
std::optional<Role> parse_role(std::string_view text);

std::string user_json(const User& user);  // without a newline; an empty password is left out
std::string role_json(const Role& role);

// The user "root" always has the role "root".
void attach_root_role(User& user);

// Why a change is refused; the text without "auth: ".
struct AuthError {
  int status = 400;
  std::string text;
};

// `user` after `change`'s grants and revokes. Its password stays.
std::variant<User, AuthError> merged(const User& user, const User& change);
std::variant<Role, AuthError> merged(const Role& role, const Role& change);

// `key`: as in the URL after "/v2/keys". A pattern is a key, or with '*' at its end all that begins so; what is asked
// recursively needs the latter.
bool allows(const Role& role, std::string_view key, bool write, bool recursive);

}  // namespace kv
