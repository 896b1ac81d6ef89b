#include "kv/checkpoint.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/temp_dir.h"
#include "kv/store_image.h"

namespace {

kv::RaftBase base_at(const kv::Store& store) {
  return {store.position().applied_index, store.position().applied_term, 1, {{7, true}, {8, false}}};
}

bool save(kv::Checkpoint& checkpoint, kv::Store& store) {
  return checkpoint.save(std::vector{store.take_changes()}, base_at(store));
}

}  // namespace

TEST_CASE("checkpoint: what changed is added to what is there, and loads as the same state") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Store store({.events = 3, .bytes = 1'000'000});
  {
    kv::Checkpoint checkpoint(path);
    store.apply({.key = "/1/a", .value = "1"}, 1, 2);
    store.apply({.key = "/1/d/x", .value = std::string("\xff\0", 2), .expires_at = 1'700'000'000'000'000'000}, 2, 2);
    REQUIRE(save(checkpoint, store));
    store.apply({.operation = kv::Operation::kDelete, .key = "/1/a"}, 3, 2);
    store.apply({.key = "/1/empty", .value = ""}, 4, 2);
    REQUIRE(save(checkpoint, store));
  }
  kv::StoreImage image = kv::Checkpoint(path).load();
  CHECK(image.position.revision == 4);
  CHECK(image.position.applied_index == 4);
  REQUIRE(image.events.size() == 3);
  CHECK(kv::decode_event(image.events[0]).index == 2);
  kv::Store loaded;
  loaded.restore(std::move(image));
  CHECK(loaded.node_count() == store.node_count());
  CHECK_FALSE(loaded.peek("/1/a"));
  CHECK(loaded.peek("/1/empty")->value == "");
  CHECK(loaded.peek("/1/d/x")->value == std::string("\xff\0", 2));
  CHECK(loaded.peek("/1/d/x")->expires_at == 1'700'000'000'000'000'000);
}

TEST_CASE("checkpoint: changes that were taken in portions are the same as those that were taken at once") {
  base::TempDir dir;
  kv::Store store;
  std::vector<kv::StoreChanges> portions;
  std::uint64_t index = 0;
  auto apply = [&](const kv::Command& command) {
    store.apply(command, ++index, 2);
    portions.push_back(store.take_changes());
  };
  apply({.key = "/1/file", .value = "1"});
  apply({.key = "/1/dir/a", .value = "1"});
  apply({.key = "/1/file", .value = "2"});
  apply({.operation = kv::Operation::kDelete, .key = "/1/dir", .recursive = true});
  apply({.key = "/1/dir", .value = "now a file"});
  apply({.operation = kv::Operation::kDelete, .key = "/1/file"});
  apply({.key = "/1/dir", .directory = true});
  kv::Checkpoint checkpoint(dir.path() + "/store.db");
  REQUIRE(checkpoint.save(portions, base_at(store)));
  kv::Store loaded;
  loaded.restore(checkpoint.load());
  CHECK(loaded.digest() == store.digest());
  CHECK(loaded.history().size() == 7);
}

TEST_CASE("checkpoint: it is read piece by piece as it was, while it goes on changing") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Checkpoint checkpoint(path);
  CHECK(checkpoint.base().index == 0);
  CHECK(kv::read_checkpoint(path) == nullptr);
  kv::Store store;
  for (std::uint64_t i = 1; i <= 20; ++i) store.apply({.key = "/1/d/" + std::to_string(i), .value = "v"}, i, 2);
  REQUIRE(save(checkpoint, store));
  CHECK(checkpoint.base() == base_at(store));
  const std::uint64_t digest = store.digest();

  std::unique_ptr<kv::SnapshotReader> reader = kv::read_checkpoint(path);
  REQUIRE(reader);
  CHECK(reader->base() == base_at(store));
  std::string bytes = reader->next(10);
  store.apply({.key = "/1/later", .value = "v"}, 21, 2);
  REQUIRE(save(checkpoint, store));
  std::size_t pieces = 1;
  for (std::string piece = reader->next(100); !piece.empty(); piece = reader->next(100)) {
    bytes += piece;
    ++pieces;
  }
  CHECK(pieces > 5);

  kv::Store copy;
  copy.restore(kv::decode_store_image(bytes));
  CHECK(copy.digest() == digest);
  CHECK(copy.history().size() == 20);
  for (std::size_t end = 0; end < bytes.size(); end += 7) {
    CHECK_THROWS_AS(kv::decode_store_image(bytes.substr(0, end)), base::Error);
  }
}

TEST_CASE("checkpoint: another member's state takes the place of this one, wholly") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Checkpoint checkpoint(path);
  kv::Store old;
  old.apply({.key = "/1/old", .value = "v"}, 1, 1);
  REQUIRE(save(checkpoint, old));
  kv::Store other;
  other.apply({.key = "/1/new", .value = "w"}, 9, 3);
  kv::StoreChanges changes = other.take_changes();
  kv::StoreImage image{changes.position, changes.nodes, {changes.events.at(0)}};
  checkpoint.replace(image, base_at(other));
  kv::Store loaded;
  loaded.restore(checkpoint.load());
  CHECK(loaded.digest() == other.digest());
  CHECK(checkpoint.base() == base_at(other));
}

TEST_CASE("checkpoint: a file of another version is refused") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  {
    kv::Checkpoint checkpoint(path);
  }
  base::Database(path, true).execute("PRAGMA user_version=1");
  CHECK_THROWS_WITH_AS(kv::Checkpoint{path}, doctest::Contains("version 1"), base::Error);
}
