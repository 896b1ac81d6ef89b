#pragma once
// Changes of users and roles (etcd's v2auth.Store): what is read is fresh, a change that somebody else's change
// overtook is made again on top of it, and all of it is ordinary commands below /2. One thread; everything calls back
// once.

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "kv/access.h"
#include "kv/auth_rules.h"
#include "kv/replica.h"

namespace kv {

// Refused by the rules, or not done because the store could not.
using AuthFailure = std::variant<AuthError, StoreError>;

template <typename Thing>
struct AuthResult {
  std::optional<AuthFailure> failure = {};
  Thing thing = {};
  bool created = false;
};

class AuthStore {
 public:
  static constexpr int kMaxTries = 8;  // of a change that is overtaken each time

  using Done = std::function<void(const std::optional<AuthFailure>&)>;
  using UserDone = std::function<void(const AuthResult<User>&)>;
  using RoleDone = std::function<void(const AuthResult<Role>&)>;

  // Both must outlive it.
  AuthStore(Replica& replica, AccessControl& access) : replica_(replica), access_(access) {}

  // `user.password` is the password itself.
  void create_user(User user, const UserDone& done);
  void create_or_update_user(const User& user, const UserDone& done);
  void update_user(const User& change, const UserDone& done);
  void delete_user(const std::string& name, const Done& done);

  void create_role(const Role& role, const RoleDone& done);
  void update_role(const Role& change, const RoleDone& done);
  void delete_role(const std::string& name, const Done& done);

  void enable(const Done& done);
  void disable(const Done& done);

 private:
  void with_hash(const std::string& password, const std::function<void(const AuthResult<std::string>&)>& done);
  void with_directories(std::size_t step, const Done& done);
  void write(Operation operation, const std::string& key, const std::string& value, const Done& done);
  // kCompareAndSwap with the index.
  void swap(const std::string& key, const std::string& value, std::uint64_t index, Replica::Done done);
  void put_user(const User& change, const std::string& hash, int tries, const UserDone& done);
  void put_role(const Role& change, int tries, const RoleDone& done);

  Replica& replica_;
  AccessControl& access_;
};

}  // namespace kv
