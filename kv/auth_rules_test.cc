#include "kv/auth_rules.h"

#include <doctest/doctest.h>

namespace {

using kv::AuthError;
using kv::Role;
using kv::User;
using Names = std::vector<std::string>;

TEST_CASE("auth rules: a pattern is a key, or a beginning with a star") {
  Role role{"r", {Names{"/a", "/b/*"}, Names{"/w*", ""}}};
  CHECK(kv::allows(role, "/a", false, false));
  CHECK_FALSE(kv::allows(role, "/a/x", false, false));
  CHECK_FALSE(kv::allows(role, "/a", true, false));
  CHECK(kv::allows(role, "/b/x/y", false, false));
  CHECK_FALSE(kv::allows(role, "/b", false, false));
  CHECK(kv::allows(role, "/w", true, false));
  CHECK_FALSE(kv::allows(role, "", true, false));
}

TEST_CASE("auth rules: what is asked recursively needs a star") {
  Role role{"r", {Names{"/a", "/b/*"}, {}}};
  CHECK_FALSE(kv::allows(role, "/a", false, true));
  CHECK_FALSE(kv::allows(role, "/b", false, true));
  CHECK(kv::allows(role, "/b/x", false, true));
  CHECK_FALSE(kv::allows(role, "/b/x", true, true));
  CHECK(kv::allows(Role{"root"}, "/anything", true, true));
}

TEST_CASE("auth rules: JSON keeps null and [] apart") {
  auto user = kv::parse_user(R"({"USER":"u","password":"p","roles":null,"grant":[]} trailing)");
  REQUIRE(user);
  CHECK(kv::user_json(*user) == R"({"user":"u","password":"p","roles":null})");
  user->roles = Names{};
  user->password.clear();
  CHECK(kv::user_json(*user) == R"({"user":"u","roles":[]})");
  auto role = kv::parse_role(R"({"role":"e","grant":{"kv":{"read":[],"write":null}},"revoke":{}})");
  REQUIRE(role);
  CHECK(kv::role_json(*role) ==
        R"({"role":"e","permissions":{"kv":{"read":null,"write":null}},)"
        R"("grant":{"kv":{"read":[],"write":null}},"revoke":{"kv":{"read":null,"write":null}}})");
  CHECK_FALSE(role->changes_permissions());
}

TEST_CASE("auth rules: JSON of other types is refused") {
  for (const char* text :
       {"", "[]", "\"x\"", R"({"user":1})", R"({"roles":"x"})", R"({"grant":[1]})", R"({"user":"a")"}) {
    CAPTURE(text);
    CHECK_FALSE(kv::parse_user(text));
  }
  for (const char* text : {"1", R"({"permissions":[]})", R"({"grant":{"kv":{"read":"x"}}})"}) {
    CAPTURE(text);
    CHECK_FALSE(kv::parse_role(text));
  }
  CHECK(kv::parse_user("null") == User{});
}

TEST_CASE("auth rules: roles of a user are granted and revoked as a set") {
  User user{.name = "u", .password = "hash", .roles = Names{"b"}};
  auto outcome = kv::merged(user, User{.name = "u", .grant = Names{"c", "a"}, .revoke = Names{"b"}});
  User merged = std::get<User>(outcome);
  CHECK(merged.roles == Names{"a", "c"});
  CHECK(merged.password == "hash");
  CHECK_FALSE(merged.grant);

  auto duplicate = std::get<AuthError>(kv::merged(user, User{.name = "u", .grant = Names{"b"}}));
  CHECK(duplicate.status == 409);
  CHECK(duplicate.text == "Granting duplicate role b for user u");
  auto absent = std::get<AuthError>(kv::merged(user, User{.name = "u", .revoke = Names{"x"}}));
  CHECK(absent.text == "Revoking ungranted role x for user u");
  // An update without a change is none, but null roles become a list.
  CHECK(std::get<User>(kv::merged(user, User{.name = "u"})) == user);
  user.roles.reset();
  CHECK(std::get<User>(kv::merged(user, User{.name = "u"})) != user);
}

TEST_CASE("auth rules: permissions of a role") {
  Role role{"r", {Names{"/x"}, {}}};
  Role change{.name = "r"};
  change.grant = kv::Permissions{Names{"/b", "/a"}, Names{"/w"}};
  change.revoke = kv::Permissions{Names{"/x", "/none"}, {}};
  Role merged = std::get<Role>(kv::merged(role, change));
  CHECK(merged.permissions.read == Names{"/a", "/b"});
  CHECK(merged.permissions.write == Names{"/w"});
  change.grant = kv::Permissions{Names{"/x"}, {}};
  CHECK(std::get<AuthError>(kv::merged(role, change)).text == "Granting duplicate read permission /x");
}

TEST_CASE("auth rules: root has its role") {
  User root{.name = "root"};
  kv::attach_root_role(root);
  kv::attach_root_role(root);
  CHECK(root.roles == Names{"root"});
  User other{.name = "other"};
  kv::attach_root_role(other);
  CHECK_FALSE(other.roles);
}

}  // namespace
