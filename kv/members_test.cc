#include "kv/members.h"

#include <doctest/doctest.h>

TEST_CASE("members: ids are etcd's") {
  std::uint64_t member = kv::member_id({"http://127.0.0.1:23791"}, "etcd-cluster");
  CHECK(kv::id_text(member) == "ac7c97ef0ec193b0");
  CHECK(kv::id_text(kv::cluster_id({member})) == "8cc9da78b36d1115");
}

TEST_CASE("members: a fresh store needs three commands, so the first user's write has index 4") {
  kv::Store store;
  kv::Member self{0xabc, "one", {}, {"http://10.0.0.1:2379"}};
  std::vector<kv::Command> commands = kv::member_commands(store, self, 0);
  REQUIRE(commands.size() == 3);
  std::uint64_t index = 0;
  for (const kv::Command& command : commands) store.apply(command, ++index, 1);
  CHECK(store.revision() == 3);
  CHECK(kv::members_of(store) == std::vector<kv::Member>{self});
  CHECK(kv::member_commands(store, self, 0).empty());
  CHECK(kv::member_json(self) == R"({"id":"abc","name":"one","peerURLs":[],"clientURLs":["http://10.0.0.1:2379"]})");
}

TEST_CASE("members: a new name or URL is announced") {
  kv::Store store;
  kv::Member self{0xabc, "one", {}, {"http://10.0.0.1:2379"}};
  std::uint64_t index = 0;
  for (const kv::Command& command : kv::member_commands(store, self, 0)) store.apply(command, ++index, 1);
  self.client_urls = {"http://10.0.0.2:2379"};
  std::vector<kv::Command> commands = kv::member_commands(store, self, 0);
  REQUIRE(commands.size() == 1);
  store.apply(commands[0], ++index, 1);
  CHECK(kv::members_of(store).at(0) == self);
}
