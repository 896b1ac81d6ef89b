#include "kv/auth_store.h"

#include <array>
#include <format>

#include "base/log.h"

namespace kv {

namespace {

// The code of a failed write, when it is this one.
bool is_code(const std::optional<AuthFailure>& failure, ErrorCode code) {
  const StoreError* error = failure ? std::get_if<StoreError>(&*failure) : nullptr;
  return error != nullptr && error->code == code;
}

std::optional<AuthFailure> failure_of(const Result& result) {
  if (const StoreError* error = std::get_if<StoreError>(&result)) return *error;
  return std::nullopt;
}

AuthError root_is_fixed() {
  return {403, std::format("Cannot modify role {}: is root role.", kRootRole)};
}

std::string user_key(const std::string& name) {
  return std::format("{}/{}", kUsersKey, name);
}

std::string role_key(const std::string& name) {
  return std::format("{}/{}", kRolesKey, name);
}

}  // namespace

// etcd makes these four on the first change, each with an index of its own.
void AuthStore::with_directories(std::size_t step, const Done& done) {
  static constexpr std::array<std::string_view, 4> kKeys{kAuthKey, kUsersKey, kRolesKey, kAuthEnabledKey};
  while (step < kKeys.size() && replica_.store().peek(std::string(kKeys.at(step)))) ++step;
  if (step == kKeys.size()) return done(std::nullopt);
  Command command{.operation = Operation::kCreate, .key = std::string(kKeys.at(step))};
  command.time = wall_nanoseconds(replica_.clock());
  command.directory = command.key != kAuthEnabledKey;
  if (!command.directory) command.value = "false";
  replica_.write(command, [this, step, done](const Result& result) {
    std::optional<AuthFailure> failure = failure_of(result);
    if (failure && !is_code(failure, ErrorCode::kNodeExists)) return done(failure);
    with_directories(step + 1, done);
  });
}

void AuthStore::write(Operation operation, const std::string& key, const std::string& value, const Done& done) {
  with_directories(0, [this, operation, key, value, done](const std::optional<AuthFailure>& failure) {
    if (failure) return done(failure);
    Command command{.operation = operation, .key = key, .value = value};
    command.time = wall_nanoseconds(replica_.clock());
    replica_.write(command, [done](const Result& result) { done(failure_of(result)); });
  });
}

void AuthStore::swap(const std::string& key, const std::string& value, std::uint64_t index, Replica::Done done) {
  Command command{.operation = Operation::kCompareAndSwap, .key = key, .value = value};
  command.previous_index = index;
  command.time = wall_nanoseconds(replica_.clock());
  replica_.write(command, std::move(done));
}

void AuthStore::with_hash(const std::string& password,
                          const std::function<void(const AuthResult<std::string>&)>& done) {
  if (password.contains('\0')) return done({AuthError{400, "A password cannot contain NUL characters"}});
  access_.passwords().hash(password, [done](const std::string& hash) {
    if (hash.empty()) return done({AuthError{503, "Too many passwords wait to be hashed"}});
    done({.thing = hash});
  });
}

void AuthStore::create_user(User user, const UserDone& done) {
  attach_root_role(user);
  if (user.password.empty()) {
    return done({AuthError{400, std::format("Cannot create user {} with an empty password", user.name)}});
  }
  with_hash(user.password, [this, user, done](const AuthResult<std::string>& hash) mutable {
    if (hash.failure) return done({hash.failure});
    user.password = hash.thing;
    write(Operation::kCreate, user_key(user.name), user_json(user),
          [user, done](const std::optional<AuthFailure>& failure) {
            if (is_code(failure, ErrorCode::kNodeExists)) {
              return done({AuthError{409, std::format("User {} already exists.", user.name)}});
            }
            if (!failure) base::log_info("auth: created user {}", user.name);
            done({failure, user, true});
          });
  });
}

void AuthStore::create_or_update_user(const User& user, const UserDone& done) {
  replica_.barrier([this, user, done](const std::optional<StoreError>& error) {
    if (error) return done({*error});
    if (access_.state().user(user.name) == nullptr) return create_user(user, done);
    update_user(user, done);
  });
}

void AuthStore::update_user(const User& change, const UserDone& done) {
  if (change.password.empty()) return put_user(change, "", 0, done);
  with_hash(change.password, [this, change, done](const AuthResult<std::string>& hash) {
    if (hash.failure) return done({hash.failure});
    put_user(change, hash.thing, 0, done);
  });
}

void AuthStore::put_user(const User& change, const std::string& hash, int tries, const UserDone& done) {
  replica_.barrier([this, change, hash, tries, done](const std::optional<StoreError>& error) {
    if (error) return done({*error});
    const Stored<User>* old = access_.state().user(change.name);
    if (old == nullptr) return done({AuthError{404, std::format("User {} does not exist.", change.name)}});
    auto outcome = merged(old->thing, change);
    if (auto* refused = std::get_if<AuthError>(&outcome)) return done({*refused});
    User user = std::get<User>(outcome);
    if (!hash.empty()) user.password = hash;
    if (user == old->thing) {
      return done({AuthError{400, "User not updated. Use grant/revoke/password to update the user."}});
    }
    swap(user_key(user.name), user_json(user), old->modified_index,
         [this, change, hash, tries, done, user](const Result& result) {
           std::optional<AuthFailure> failure = failure_of(result);
           bool overtaken = is_code(failure, ErrorCode::kTestFailed) || is_code(failure, ErrorCode::kKeyNotFound);
           if (overtaken && tries < kMaxTries) return put_user(change, hash, tries + 1, done);
           if (!failure) base::log_info("auth: updated user {}", user.name);
           done({failure, user});
         });
  });
}

void AuthStore::delete_user(const std::string& name, const Done& done) {
  if (access_.enabled() && name == kRootUser) {
    return done(AuthError{403, "Cannot delete root user while auth is enabled."});
  }
  write(Operation::kDelete, user_key(name), "", [name, done](const std::optional<AuthFailure>& failure) {
    if (is_code(failure, ErrorCode::kKeyNotFound)) {
      return done(AuthError{404, std::format("User {} does not exist", name)});
    }
    if (!failure) base::log_info("auth: deleted user {}", name);
    done(failure);
  });
}

void AuthStore::create_role(const Role& role, const RoleDone& done) {
  if (role.name == kRootRole) return done({root_is_fixed()});
  write(Operation::kCreate, role_key(role.name), role_json(role),
        [role, done](const std::optional<AuthFailure>& failure) {
          if (is_code(failure, ErrorCode::kNodeExists)) {
            return done({AuthError{409, std::format("Role {} already exists.", role.name)}});
          }
          if (!failure) base::log_info("auth: created role {}", role.name);
          done({failure, role, true});
        });
}

void AuthStore::update_role(const Role& change, const RoleDone& done) {
  if (change.name == kRootRole) return done({root_is_fixed()});
  put_role(change, 0, done);
}

void AuthStore::put_role(const Role& change, int tries, const RoleDone& done) {
  replica_.barrier([this, change, tries, done](const std::optional<StoreError>& error) {
    if (error) return done({*error});
    const Stored<Role>* old = access_.state().role(change.name);
    if (old == nullptr) return done({AuthError{404, std::format("Role {} does not exist.", change.name)}});
    auto outcome = merged(old->thing, change);
    if (auto* refused = std::get_if<AuthError>(&outcome)) return done({*refused});
    Role role = std::get<Role>(outcome);
    if (role == old->thing) {
      return done({AuthError{400, "Role not updated. Use grant/revoke to update the role."}});
    }
    swap(role_key(role.name), role_json(role), old->modified_index,
         [this, change, tries, done, role](const Result& result) {
           std::optional<AuthFailure> failure = failure_of(result);
           bool overtaken = is_code(failure, ErrorCode::kTestFailed) || is_code(failure, ErrorCode::kKeyNotFound);
           if (overtaken && tries < kMaxTries) return put_role(change, tries + 1, done);
           if (!failure) base::log_info("auth: updated role {}", role.name);
           done({failure, role});
         });
  });
}

void AuthStore::delete_role(const std::string& name, const Done& done) {
  if (name == kRootRole) return done(root_is_fixed());
  write(Operation::kDelete, role_key(name), "", [name, done](const std::optional<AuthFailure>& failure) {
    if (is_code(failure, ErrorCode::kKeyNotFound)) {
      return done(AuthError{404, std::format("Role {} doesn't exist.", name)});
    }
    if (!failure) base::log_info("auth: deleted role {}", name);
    done(failure);
  });
}

void AuthStore::enable(const Done& done) {
  if (access_.enabled()) return done(AuthError{409, "already enabled"});
  replica_.barrier([this, done](const std::optional<StoreError>& error) {
    if (error || access_.state().user(std::string(kRootUser)) == nullptr) {
      return done(AuthError{409, "No root user available, please create one"});
    }
    auto turn_on = [this, done] {
      write(Operation::kUpdate, std::string(kAuthEnabledKey), "true",
            [done](const std::optional<AuthFailure>& failure) {
              if (!failure) base::log_info("auth: enabled");
              done(failure);
            });
    };
    if (access_.state().role(std::string(kGuestRole)) != nullptr) return turn_on();
    Role guest{.name = std::string(kGuestRole), .permissions = all_permissions()};
    create_role(guest, [done, turn_on](const AuthResult<Role>& made) {
      if (made.failure) return done(made.failure);
      turn_on();
    });
  });
}

void AuthStore::disable(const Done& done) {
  if (!access_.enabled()) return done(AuthError{409, "already disabled"});
  write(Operation::kUpdate, std::string(kAuthEnabledKey), "false", [done](const std::optional<AuthFailure>& failure) {
    if (!failure) base::log_info("auth: disabled");
    done(failure);
  });
}

}  // namespace kv
