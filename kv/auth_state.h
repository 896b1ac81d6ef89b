#pragma once
// Users and roles as the tree holds them, in etcd's layout: /2/users/<name> and /2/roles/<name> (JSON), /2/enabled.
// What was parsed is kept until something below /2 changes.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/auth_rules.h"
#include "kv/store.h"

namespace kv {

inline constexpr std::string_view kAuthKey = "/2";
inline constexpr std::string_view kUsersKey = "/2/users";
inline constexpr std::string_view kRolesKey = "/2/roles";
inline constexpr std::string_view kAuthEnabledKey = "/2/enabled";

template <typename Thing>
struct Stored {
  Thing thing;
  std::uint64_t modified_index = 0;
};

class AuthState {
 public:
  // `store` must outlive it.
  explicit AuthState(const Store& store) : store_(store) {}

  bool enabled();

  // Pointers are good until the store changes. Null: there is none. root has its role always; the role root is built
  // in.
  const Stored<User>* user(const std::string& name);
  const Stored<Role>* role(const std::string& name);

  // Sorted names. The roles with "root".
  std::vector<std::string> user_names() const;
  std::vector<std::string> role_names() const;

 private:
  void refresh();
  std::optional<NodeView> file(std::string_view directory, const std::string& name) const;
  std::vector<std::string> names_in(std::string_view directory) const;

  const Store& store_;
  std::uint64_t seen_ = 0;
  bool enabled_ = false;
  std::map<std::string, Stored<User>> users_;
  std::map<std::string, Stored<Role>> roles_;
};

}  // namespace kv
