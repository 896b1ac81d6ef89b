#include "kv/keyspace.h"

#include <doctest/doctest.h>

#include <set>

#include "base/random.h"
#include "kv/store.h"

namespace {

using Keys = std::vector<std::string>;

struct Fixture {
  kv::Tree tree;

  Fixture() {
    for (const char* name : {"1", "3"}) tree.add_directory(tree.root(), name);
  }
  void add(const std::string& key) {
    const std::string path = kv::path_for_key(tree, key);
    kv::TreeNode* parent = &tree.root();
    auto [directory, name] = kv::Tree::split(path);
    for (std::size_t at = 1, end = 0; at < directory.size(); at = end + 1) {
      end = std::min(directory.find('/', at), directory.size());
      const std::string_view part = directory.substr(at, end - at);
      kv::TreeNode* child = parent->child(part);
      parent = child != nullptr ? child : &tree.add_directory(*parent, part);
    }
    tree.add_file(*parent, name, "");
  }
  Keys range(const std::string& from, const std::string& end) const {
    Keys keys;
    kv::for_each_key(tree, {from, end}, [&](std::string_view key, const kv::TreeNode&) {
      keys.emplace_back(key);
      return true;
    });
    return keys;
  }
};

const std::string kNoEnd(1, '\0');

TEST_CASE_FIXTURE(Fixture, "keys: a clean path is a file that v2 sees, others are kept where it does not look") {
  for (const char* key : {"/a/b", "a", "/a/", "/a//b", "/a/./b", "/", "/a/b/c", "/a"}) add(key);
  auto path = [&](const char* key) { return kv::find_key(tree, key)->path(); };
  CHECK(path("/a/b") == "/1/a/b");
  CHECK(path("a") == "/3/a");
  CHECK(path("/a//b") == "/3//a//b");
  CHECK(path("/") == "/3//");
  CHECK(path("/a/b/c") == "/3//a/b/c");  // a file is in the way
  CHECK(path("/a") == "/3//a");          // a directory has the name
  CHECK(kv::key_of_path("/3//a/b/c") == "/a/b/c");
  CHECK(kv::key_of_path("/1/a/b") == "/a/b");
  for (const char* other : {"/1", "/3", "/0/members/1", "/2/users", "/4/leases/1", "/"}) {
    CHECK_FALSE(kv::key_of_path(other));
  }
  CHECK(kv::find_key(tree, "/a/x") == nullptr);
  CHECK(kv::find_key(tree, "") == nullptr);
  CHECK(kv::find_key(tree, "/x/y") == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "keys: ranges are in the order of their bytes") {
  for (const char* key : {"/a/b", "/a-b", "/a", "/a.b/c", "/a0", "a", "/a/_hidden", "/a/b/", "/a-b/c", "zz"}) add(key);
  CHECK(range("/", kNoEnd) == Keys{"/a", "/a-b", "/a-b/c", "/a.b/c", "/a/_hidden", "/a/b", "/a/b/", "/a0", "a", "zz"});
  CHECK(range("/a/", "/a0") == Keys{"/a/_hidden", "/a/b", "/a/b/"});
  CHECK(range("/a-b", "/a.c") == Keys{"/a-b", "/a-b/c", "/a.b/c"});
  CHECK(range("/a-z", "/a0") == Keys{"/a.b/c", "/a/_hidden", "/a/b", "/a/b/"});
  CHECK(range("/a", "") == Keys{"/a"});
  CHECK(range("b", "a").empty());
}

TEST_CASE("keys: any range of any keys is that of a sorted set") {
  base::SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    Fixture fixture;
    std::set<std::string> model;
    auto some_key = [&] {
      std::string key = random.below(4) == 0 ? "" : "/";
      for (std::uint64_t left = 1 + random.below(6); left > 0; --left) key += "/-0ab_"[random.below(6)];
      return key;
    };
    for (int i = 0; i < 25; ++i) {
      const std::string key = some_key();
      if (model.insert(key).second) fixture.add(key);
    }
    for (int i = 0; i < 20; ++i) {
      const std::string from = some_key();
      const std::string end = random.below(5) == 0 ? kNoEnd : some_key();
      const auto last = end == kNoEnd ? model.end() : model.lower_bound(std::max(from, end));
      const Keys expected(model.lower_bound(from), last);
      CAPTURE(from);
      CAPTURE(end);
      REQUIRE(fixture.range(from, end) == expected);
    }
    for (const std::string& key : model) REQUIRE(kv::key_of_path(kv::find_key(fixture.tree, key)->path()) == key);
  }
}

TEST_CASE_FIXTURE(Fixture, "keys: a walk ends when it is told to") {
  for (const char* key : {"/a/b", "/c", "a", "/a/c", "z"}) add(key);
  for (std::size_t most = 1; most <= 5; ++most) {
    std::size_t seen = 0;
    kv::for_each_key(tree, {"/", kNoEnd}, [&](std::string_view, const kv::TreeNode&) { return ++seen < most; });
    CHECK(seen == most);
  }
}

}  // namespace
