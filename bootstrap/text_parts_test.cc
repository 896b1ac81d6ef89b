// The small pure parts: keys, encodings, names, environment files, accounts.
#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "bootstrap/accounts.h"
#include "bootstrap/decode.h"
#include "bootstrap/files.h"
#include "bootstrap/parse_parts.h"
#include "bootstrap/ssh_keys.h"

namespace bootstrap {
namespace {

constexpr std::string_view kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh8e7j3pW8Qp7z2Lr1b3O0Y6V9uWkT5QmYF0xC4nD2s me";

TEST_CASE("what an SSH key looks like") {
  CHECK(looks_like_ssh_key(kKey));
  CHECK(looks_like_ssh_key("from=\"10.0.0.0/8\",no-pty " + std::string(kKey)));
  CHECK_FALSE(looks_like_ssh_key("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJh8e7j3pW8Qp7z2Lr1b3O0Y6V9uWkT5QmYF0xC4nD2s"));
  CHECK_FALSE(looks_like_ssh_key("ssh-ed25519 AAAA"));
  CHECK_FALSE(looks_like_ssh_key("ssh-ed25519"));
}

TEST_CASE("authorized_keys: our block is replaced, other lines stay") {
  const std::string first = merge_authorized_keys("mine\n", {"a", "b"}, false);
  CHECK(first.starts_with("mine\n# begin"));
  CHECK(merge_authorized_keys(first, {"a", "b"}, false) == first);
  const std::string second = merge_authorized_keys(first + "theirs\n", {"b", "theirs"}, false);
  CHECK(second.starts_with("mine\ntheirs\n# begin"));
  CHECK_FALSE(second.contains("\na\n"));
  CHECK(base::split(second, '\n').size() == 6);
  CHECK(merge_authorized_keys(second, {"c"}, true).contains("\nb\nc\n"));
  CHECK(merge_authorized_keys(second, {}, false) == "mine\ntheirs\n");
}

TEST_CASE("encodings") {
  const std::string packed = *base::unhex("1f8b0800000000000003cb48cdc9c95728cf2fca49e102002d3b08af0c000000");
  CHECK(decode_content("aGVs\n bG8=\n", "base64") == "hello");
  CHECK(decode_content("hello", "") == "hello");
  CHECK_FALSE(decode_content("hello", "gzip"));
  CHECK(gunzip(packed) == "hello world\n");
  CHECK_FALSE(gunzip(packed, 5));
  CHECK_FALSE(gunzip(packed + "x"));
  CHECK_FALSE(gunzip("\x1f\x8b"));
  CHECK_FALSE(gunzip(packed.substr(0, packed.size() - 1)));
  CHECK(is_known_encoding("gz+base64"));
  CHECK_FALSE(is_known_encoding("GZIP"));
}

TEST_CASE("names and paths") {
  CHECK(is_valid_hostname("a-1.example.com"));
  CHECK_FALSE(is_valid_hostname("a..b"));
  CHECK_FALSE(is_valid_hostname("-a"));
  CHECK_FALSE(is_valid_hostname(std::string(65, 'a')));
  CHECK(is_valid_unit_name("a-b@c\\x2d.service"));
  CHECK_FALSE(is_valid_unit_name("a/b.service"));
  CHECK_FALSE(is_valid_unit_name(".service"));
  CHECK_FALSE(is_valid_unit_name("a.conf"));
  CHECK(normal_path("/a/./b/../../../c") == "/c");
  CHECK(normal_path("a").empty());
}

TEST_CASE("environment files keep what is not ours") {
  CHECK(merge_environment("", {{"A", "1"}}) == "A=1\n");
  CHECK(merge_environment("# note\nA=0\nB=2\nA=9", {{"A", "1"}, {"C", "3"}}) == "# note\nA=1\nB=2\nC=3\n");
}

AccountFiles fresh() {
  return {"root:x:0:0:root:/root:/bin/bash\nold:x:1005:1005::/home/old:/bin/sh\nnobody:x:65534:65534::/:/x\n",
          "root:*:1:0:99999:7:::\n", "root:x:0:\nsudo:x:27:old\nusers:x:100:\nnogroup:x:65534:\n",
          "root:*::\nsudo:*::old\n"};
}

NewUser user(const std::string& name) {
  NewUser made;
  made.name = name;
  made.home = "/home/" + name;
  made.shell = "/bin/sh";
  return made;
}

TEST_CASE("new users get numbers as useradd gives them") {
  AccountFiles files = fresh();
  CHECK(add_user(files, user("a"), {}, 20000).uid == 1006);
  NewUser system = user("b");
  system.system = true;
  CHECK(add_user(files, system, {}, 20000).uid == 999);
  CHECK(add_user(files, user("c"), {}, 20000).uid == 1007);
  CHECK(files.group.ends_with("a:x:1006:\nb:x:999:\nc:x:1007:\n"));
  CHECK(files.shadow.contains("\na:*:20000:0:99999:7:::\n"));
  CHECK(files.gshadow.contains("\na:!::\n"));
  IdRanges narrow;
  narrow.uid_min = narrow.uid_max = 1006;
  CHECK_THROWS_AS(add_user(files, user("d"), narrow, 20000), base::Error);
}

TEST_CASE("groups") {
  AccountFiles files = fresh();
  NewUser member = user("a");
  member.groups = {"sudo"};
  member.primary_group = "100";
  CHECK(add_user(files, member, {}, 1).gid == 100);
  CHECK(files.group.contains("sudo:x:27:old,a\n"));
  CHECK(files.gshadow.contains("sudo:*::old,a\n"));
  const AccountFiles before = files;
  NewUser lost = user("b");
  lost.groups = {"nosuch"};
  CHECK_THROWS_AS(add_user(files, lost, {}, 1), base::Error);
  CHECK(files == before);
  CHECK_THROWS_AS(add_user(files, user("sudo"), {}, 1), base::Error);
  CHECK_THROWS_AS(add_user(files, user("old"), {}, 1), base::Error);
}

TEST_CASE("a group that a power cut left is taken over") {
  AccountFiles files = fresh();
  files.group += "a:x:1006:\n";
  CHECK(add_user(files, user("a"), {}, 1).gid == 1006);
}

TEST_CASE("passwords") {
  AccountFiles files = fresh();
  CHECK(set_password(files, "root", "$6$x$y", 5));
  CHECK(files.shadow == "root:$6$x$y:5:0:99999:7:::\n");
  CHECK_FALSE(set_password(files, "root", "$6$x$y", 6));
  CHECK(set_password(files, "old", "!", 5));
  CHECK(files.shadow.ends_with("old:!:5:0:99999:7:::\n"));
}

TEST_CASE("login.defs") {
  const IdRanges ranges = parse_login_defs("# UID_MIN 5\nUID_MIN\t2000\nSYS_UID_MAX 499\nGID_MAX nonsense\n");
  CHECK(ranges.uid_min == 2000);
  CHECK(ranges.system_uid_max == 499);
  CHECK(ranges.gid_max == 60000);
}

}  // namespace
}  // namespace bootstrap
