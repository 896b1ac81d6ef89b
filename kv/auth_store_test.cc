// Users, roles and who may do what, over a store whose engine commits at once: passwords in their own thread, changes
// that overtake each other.

#include "kv/auth_store.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/digest.h"
#include "kv/bcrypt.h"

namespace {

using kv::Access;
using kv::AuthError;
using kv::AuthFailure;
using kv::Command;
using kv::ErrorCode;
using kv::Operation;
using kv::Role;
using kv::User;
using Names = std::vector<std::string>;

// Commits what is proposed when the test runs it.
struct QueueEngine : kv::Engine {
  kv::EngineHost* host = nullptr;
  std::deque<std::function<void()>> queue;
  std::uint64_t index = 0;

  void start(const kv::RaftBase&) override {}
  void propose(std::string command, std::uint64_t ticket, kv::Lane) override {
    queue.push_back([this, command, ticket] { host->committed({++index, 1, command}, ticket); });
  }
  void barrier(std::uint64_t ticket) override {
    queue.push_back([this, ticket] { host->barrier_passed(ticket); });
  }
  void checkpointed(std::uint64_t) override {}
  kv::EngineStatus status() const override { return {1, index, 1, 1}; }
  kv::RaftBase base_at(std::uint64_t) const override { return {}; }
  void set_members(std::vector<std::uint64_t>) override {}
  void tell_mark(const kv::StateMark&) override {}
  void fetch_state() override {}
  void hand_over(std::function<void()> done) override { done(); }
};

struct Fixture {
  kv::Store store;
  base::ManualClock clock;
  kv::Replica replica{store, clock};
  QueueEngine engine;
  std::mutex mutex;
  std::condition_variable posted;
  std::deque<std::function<void()>> work;
  base::SeededRandom random{1};
  kv::AccessControl access{store,
                           [this](std::function<void()> one) {
                             std::lock_guard lock(mutex);
                             work.push_back(std::move(one));
                             posted.notify_one();
                           },
                           random};
  kv::AuthStore auth{replica, access};

  Fixture() {
    engine.host = &replica;
    replica.attach(engine);
  }

  void run_engine() {
    while (!engine.queue.empty()) {
      auto one = std::move(engine.queue.front());
      engine.queue.pop_front();
      one();
    }
  }
  // Runs engine and passwords until `done` is set.
  template <typename Value>
  Value wait(std::optional<Value>& done) {
    while (true) {
      run_engine();
      if (done) return *done;
      std::function<void()> one;
      {
        std::unique_lock lock(mutex);
        REQUIRE(posted.wait_for(lock, std::chrono::seconds(30), [this] { return !work.empty(); }));
        one = std::move(work.front());
        work.pop_front();
      }
      one();
    }
  }

  template <typename Thing>
  auto keep(std::optional<kv::AuthResult<Thing>>& result) {
    return [&result](const kv::AuthResult<Thing>& value) { result = value; };
  }
  kv::AuthResult<User> put_user(const User& user) {
    std::optional<kv::AuthResult<User>> result;
    if (user.changes_roles()) {
      auth.update_user(user, keep<User>(result));
    } else {
      auth.create_or_update_user(user, keep<User>(result));
    }
    return wait(result);
  }
  kv::AuthResult<Role> put_role(const Role& role) {
    std::optional<kv::AuthResult<Role>> result;
    if (role.changes_permissions()) {
      auth.update_role(role, keep<Role>(result));
    } else {
      auth.create_role(role, keep<Role>(result));
    }
    return wait(result);
  }
  std::optional<AuthFailure> run(void (kv::AuthStore::*change)(const kv::AuthStore::Done&)) {
    std::optional<std::optional<AuthFailure>> result;
    (auth.*change)([&](const std::optional<AuthFailure>& failure) { result = failure; });
    return wait(result);
  }
  std::optional<AuthFailure> remove(void (kv::AuthStore::*change)(const std::string&, const kv::AuthStore::Done&),
                                    const std::string& name) {
    std::optional<std::optional<AuthFailure>> result;
    (auth.*change)(name, [&](const std::optional<AuthFailure>& failure) { result = failure; });
    return wait(result);
  }
  static kv::Credentials basic(const std::string& user, const std::string& password) {
    return {"Basic " + base::base64_encode(user + ":" + password), ""};
  }
  Access key(const kv::Credentials& who, const std::string& key, bool write = false, bool recursive = false) {
    std::optional<Access> result;
    access.check_key(who, key, write, recursive, [&](Access answer) { result = answer; });
    return wait(result);
  }
  Access root(const kv::Credentials& who) {
    std::optional<Access> result;
    access.check_root(who, [&](Access answer) { result = answer; });
    return wait(result);
  }
  void turn_on() {
    REQUIRE_FALSE(put_user({.name = "root", .password = "rootpw"}).failure);
    REQUIRE_FALSE(run(&kv::AuthStore::enable));
  }
};

std::string text_of(const std::optional<AuthFailure>& failure) {
  REQUIRE(failure);
  return std::get<AuthError>(*failure).text;
}

TEST_CASE("auth store: the first change makes etcd's directories, each with an index") {
  Fixture f;
  CHECK(text_of(f.put_user({.name = "u"}).failure) == "Cannot create user u with an empty password");
  CHECK(f.store.revision() == 0);
  kv::AuthResult<User> made = f.put_user({.name = "u", .password = "pw"});
  REQUIRE_FALSE(made.failure);
  CHECK(made.created);
  CHECK(f.store.revision() == 5);
  CHECK(f.store.peek("/2/enabled")->value == "false");
  std::string stored = f.store.peek("/2/users/u")->value.value();
  CHECK(stored.starts_with(R"({"user":"u","password":"$2b$10$)"));
  CHECK_FALSE(stored.contains("pw\""));
  CHECK_FALSE(f.put_user({.name = "u", .password = "other"}).created);
  CHECK(f.store.revision() == 6);
}

TEST_CASE("auth store: auth needs a root user, and makes the guest role") {
  Fixture f;
  CHECK(text_of(f.run(&kv::AuthStore::enable)) == "No root user available, please create one");
  CHECK(text_of(f.run(&kv::AuthStore::disable)) == "already disabled");
  f.turn_on();
  CHECK(f.access.enabled());
  CHECK(f.store.peek("/2/roles/guest")->value ==
        R"({"role":"guest","permissions":{"kv":{"read":["/*"],"write":["/*"]}}})");
  CHECK(text_of(f.run(&kv::AuthStore::enable)) == "already enabled");
  CHECK(text_of(f.remove(&kv::AuthStore::delete_user, "root")) == "Cannot delete root user while auth is enabled.");
  CHECK_FALSE(f.run(&kv::AuthStore::disable));
  CHECK_FALSE(f.remove(&kv::AuthStore::delete_user, "root"));
}

TEST_CASE("auth store: who may do what") {
  Fixture f;
  REQUIRE_FALSE(f.put_role({"p", {Names{"/p/*"}, Names{"/p/w"}}}).failure);
  REQUIRE_FALSE(f.put_user({.name = "u", .password = "pw"}).failure);
  REQUIRE_FALSE(f.put_user({.name = "u", .grant = Names{"p", "gone"}}).failure);
  CHECK(f.key({}, "/anything", true, true) == Access::kGranted);  // auth is off
  f.turn_on();
  CHECK(f.key({}, "/anything", true, true) == Access::kGranted);  // guests may do everything at first
  Role guests{.name = "guest"};
  guests.revoke = kv::all_permissions();
  REQUIRE_FALSE(f.put_role(guests).failure);
  CHECK(f.key({}, "/p/x") == Access::kDenied);
  kv::Credentials u = Fixture::basic("u", "pw");
  CHECK(f.key(u, "/p/x") == Access::kGranted);
  CHECK(f.key(u, "/p/x", true) == Access::kDenied);
  CHECK(f.key(u, "/p/w", true) == Access::kGranted);
  CHECK(f.key(u, "/p/w", true, true) == Access::kDenied);
  CHECK(f.key(Fixture::basic("u", "wrong"), "/p/x") == Access::kDenied);
  CHECK(f.key(Fixture::basic("nobody", "pw"), "/p/x") == Access::kDenied);
  CHECK(f.key(Fixture::basic("../roles/p", ""), "/p/x") == Access::kDenied);
  CHECK(f.key(Fixture::basic("", ""), "/p/x") == Access::kDenied);
  CHECK(f.key({"Basic !!!", ""}, "/p/x") == Access::kDenied);
  CHECK(f.key({"Bearer x", ""}, "/p/x") == Access::kDenied);
  CHECK(f.key({"", "u"}, "/p/x") == Access::kGranted);  // by certificate
  CHECK(f.key({"", "nobody"}, "/p/x") == Access::kDenied);
  CHECK(f.root(u) == Access::kDenied);
  CHECK(f.root({}) == Access::kDenied);
  CHECK(f.root(Fixture::basic("root", "rootpw")) == Access::kGranted);
  CHECK(f.key(Fixture::basic("root", "rootpw"), "/x", true, true) == Access::kGranted);
}

TEST_CASE("auth store: a password that was right is known again, until it changes") {
  Fixture f;
  f.turn_on();
  kv::Credentials root = Fixture::basic("root", "rootpw");
  CHECK(f.root(root) == Access::kGranted);
  std::optional<Access> at_once;
  f.access.check_root(root, [&](Access access) { at_once = access; });
  CHECK(at_once == Access::kGranted);
  REQUIRE_FALSE(f.put_user({.name = "root", .password = "newpw"}).failure);
  CHECK(f.root(root) == Access::kDenied);
  CHECK(f.root(Fixture::basic("root", "newpw")) == Access::kGranted);
}

TEST_CASE("auth store: too many passwords at once are refused, the same one counts once") {
  Fixture f;
  f.turn_on();
  std::size_t busy = 0;
  auto count = [&](Access access) { busy += access == Access::kBusy ? 1 : 0; };
  for (std::size_t i = 0; i < 10 * kv::Passwords::kMaxWaiting; ++i) {
    f.access.check_root(Fixture::basic("root", "guess" + std::to_string(i)), count);
  }
  CHECK(busy > 0);
  std::size_t before = busy;
  for (int i = 0; i < 1000; ++i) f.access.check_root(Fixture::basic("root", "guess0"), count);
  CHECK(busy == before);
}

TEST_CASE("auth store: a change that was overtaken is made again") {
  Fixture f;
  REQUIRE_FALSE(f.put_user({.name = "u", .password = "pw"}).failure);
  std::optional<kv::AuthResult<User>> first;
  std::optional<kv::AuthResult<User>> second;
  f.auth.update_user({.name = "u", .grant = Names{"a"}}, f.keep<User>(first));
  f.auth.update_user({.name = "u", .grant = Names{"b"}}, f.keep<User>(second));
  CHECK_FALSE(f.wait(first).failure);
  CHECK_FALSE(f.wait(second).failure);
  CHECK(f.access.state().user("u")->thing.roles == Names{"a", "b"});
}

TEST_CASE("auth store: what is not there") {
  Fixture f;
  CHECK(text_of(f.put_user({.name = "u", .grant = Names{"a"}}).failure) == "User u does not exist.");
  CHECK(text_of(f.remove(&kv::AuthStore::delete_user, "u")) == "User u does not exist");
  CHECK(text_of(f.remove(&kv::AuthStore::delete_role, "r")) == "Role r doesn't exist.");
  CHECK(text_of(f.remove(&kv::AuthStore::delete_role, "root")) == "Cannot modify role root: is root role.");
  Role change{.name = "r"};
  change.grant = kv::all_permissions();
  CHECK(text_of(f.put_role(change).failure) == "Role r does not exist.");
  CHECK(text_of(f.put_user({.name = "u", .password = std::string("a\0b", 3)}).failure) ==
        "A password cannot contain NUL characters");
}

TEST_CASE("bcrypt: hashes of others are understood") {
  // Made by Go's golang.org/x/crypto/bcrypt (its own test vector) and by OpenBSD's.
  CHECK(kv::bcrypt_matches("allmine", "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"));
  CHECK_FALSE(kv::bcrypt_matches("allmines", "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"));
  CHECK_FALSE(kv::bcrypt_matches("allmine", ""));
  CHECK_FALSE(kv::bcrypt_matches("allmine", "$2a$10$short"));
  CHECK_FALSE(kv::bcrypt_matches("allmine", "allmine"));
}

}  // namespace
