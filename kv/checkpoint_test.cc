#include "kv/checkpoint.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/temp_dir.h"
#include "kv/checkpoint_rows.h"
#include "kv/event_bytes.h"
#include "kv/store_image.h"

namespace {

constexpr kv::WalIdentity kMember{0x11, 0x22};

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
    kv::Checkpoint checkpoint(path, kMember);
    store.apply({.key = "/1/a", .value = "1"}, 1, 2);
    store.apply({.key = "/1/d/x", .value = std::string("\xff\0", 2), .expires_at = 1'700'000'000'000'000'000}, 2, 2);
    REQUIRE(save(checkpoint, store));
    store.apply({.operation = kv::Operation::kDelete, .key = "/1/a"}, 3, 2);
    store.apply({.key = "/1/empty", .value = ""}, 4, 2);
    REQUIRE(save(checkpoint, store));
  }
  kv::StoreImage image = kv::Checkpoint(path, kMember).load();
  CHECK(image.position.revision == 4);
  CHECK(image.position.applied_index == 4);
  REQUIRE(image.events.size() == 3);
  CHECK(kv::decode_events(image.events[0]).front().index == 2);
  kv::Store loaded;
  loaded.restore(image);
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
  kv::Checkpoint checkpoint(dir.path() + "/store.db", kMember);
  REQUIRE(checkpoint.save(portions, base_at(store)));
  kv::Store loaded;
  loaded.restore(checkpoint.load());
  CHECK(loaded.digest() == store.digest());
  CHECK(loaded.history().size() == 7);
}

TEST_CASE("checkpoint: it is read piece by piece as it was, while it goes on changing") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Checkpoint checkpoint(path, kMember);
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
  kv::Checkpoint checkpoint(path, kMember);
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
    kv::Checkpoint checkpoint(path, kMember);
  }
  base::Database(path, true).execute("PRAGMA user_version=1");
  CHECK_THROWS_WITH_AS(kv::Checkpoint(path, kMember), doctest::Contains("version 1"), base::Error);
}

TEST_CASE("checkpoint: a full disk is no error, and nothing of the save is kept") {
  base::TempDir dir;
  kv::Checkpoint checkpoint(dir.path() + "/store.db", kMember);
  kv::Store store;
  store.apply({.key = "/1/a", .value = "v"}, 1, 2);
  store.apply({.key = "/1/gone", .value = "v"}, 2, 2);
  REQUIRE(checkpoint.save(std::vector{store.take_changes()}, base_at(store)));
  const std::uint64_t digest = store.digest();
  // What is removed and replaced comes before what does not fit in.
  store.apply({.operation = kv::Operation::kDelete, .key = "/1/gone"}, 3, 2);
  store.apply({.key = "/1/a", .value = "w"}, 4, 2);
  store.apply({.key = "/1/large", .value = std::string(1'000'000, 'x')}, 5, 2);
  const kv::StoreChanges changes = store.take_changes();
  const kv::RaftBase base = base_at(store);
  checkpoint.limit_pages(20);
  CHECK_FALSE(checkpoint.save(std::span(&changes, 1), base));
  kv::Store loaded;
  loaded.restore(checkpoint.load());
  CHECK(loaded.digest() == digest);
  checkpoint.limit_pages(10'000);
  CHECK(checkpoint.save(std::span(&changes, 1), base));
  loaded.restore(checkpoint.load());
  CHECK(loaded.digest() == store.digest());
}

TEST_CASE("checkpoint: one of another member is refused") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  {
    kv::Checkpoint checkpoint(path, kMember);
  }
  CHECK_THROWS_WITH_AS(kv::Checkpoint(path, {0x11, 0x23}),
                       doctest::Contains("it is of member 22 of cluster 11, the log is of member 23 of cluster 11"),
                       base::Error);
}

// docs/formats/kv-store.md
TEST_CASE("checkpoint format: the checksums of rows and facts") {
  const kv::NodeRow row{"/1/a", "v", false, 4, 5, 1'700'000'000'000'000'000, 3, 2, -1};
  CHECK(encode_record(row) == std::string("\2\4/1/a\0\1v\4\5\x80\x80\xa8\xb1\xe3\x9f\xe7\xcb\x17\3\2"
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
                                          32));
  CHECK(checksum_of(row) == 2199853302);
  CHECK(checksum_of(kv::NodeRow{"/1/d", "", true, 4, 4, 0}) == 2604241386);
  CHECK(kv::checksum_of_event("123456789") == 0xe3069283);
  const kv::CheckpointFacts facts{300, {0x11, 0x22}, {5, 2, 1, {{7, true}, {8, false}}}, 0x1'0000'0001, 9};
  CHECK(checksum_of(facts) == 1471627705);
}

TEST_CASE("checkpoint: the sums follow what is added, replaced, removed and forgotten") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Checkpoint checkpoint(path, kMember);
  kv::Store store({.events = 5, .bytes = 1'000'000});
  std::uint64_t entry = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 4; ++i) store.apply({.key = std::format("/1/d/{}", i), .value = "v"}, ++entry, 2);
    store.apply({.operation = kv::Operation::kDelete, .key = std::format("/1/d/{}", round)}, ++entry, 2);
    REQUIRE(save(checkpoint, store));
    kv::Store loaded;
    loaded.restore(checkpoint.load());
    CHECK(loaded.digest() == store.digest());
  }
}

TEST_CASE("checkpoint: a row that was changed, lost or brought back stops the start") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Checkpoint checkpoint(path, kMember);
  kv::Store store;
  for (std::uint64_t i = 1; i <= 3; ++i) store.apply({.key = std::format("/1/{}", i), .value = "v"}, i, 2);
  REQUIRE(save(checkpoint, store));
  base::Database database(path, true);
  auto refused = [&](const std::string& damage, const std::string& mending, const char* text) {
    database.execute(damage);
    CHECK_THROWS_WITH_AS(checkpoint.load(), doctest::Contains(text), base::Error);
    database.execute(mending);
    checkpoint.load();
  };
  refused("UPDATE nodes SET value=x'77' WHERE path=CAST('/1/2' AS BLOB)",
          "UPDATE nodes SET value=x'76' WHERE path=CAST('/1/2' AS BLOB)", "the node \"/1/2\" is damaged");
  refused("UPDATE nodes SET modified=modified+1", "UPDATE nodes SET modified=modified-1", "is damaged");
  refused(
      "CREATE TEMP TABLE gone AS SELECT * FROM nodes WHERE path=CAST('/1/3' AS BLOB);"
      "DELETE FROM nodes WHERE path=CAST('/1/3' AS BLOB)",
      "INSERT INTO nodes SELECT * FROM gone", "its nodes are not those that were written");
  refused("UPDATE events SET event=CAST(event||'x' AS BLOB) WHERE idx=2",
          "UPDATE events SET event=CAST(substr(event, 1, length(event)-1) AS BLOB) WHERE idx=2",
          "the event 2 is damaged");
  refused("CREATE TEMP TABLE old AS SELECT * FROM events WHERE idx=1; DELETE FROM events WHERE idx=1",
          "INSERT INTO events SELECT * FROM old", "its events are not those that were written");
  refused("UPDATE facts SET value=value+1 WHERE name='applied_term'",
          "UPDATE facts SET value=value-1 WHERE name='applied_term'", "its facts are damaged");
  refused("UPDATE configuration SET idx=2", "UPDATE configuration SET idx=1", "its facts are damaged");
  std::unique_ptr<kv::SnapshotReader> reader = kv::read_checkpoint(path);
  database.execute("UPDATE nodes SET created=9");
  CHECK_FALSE(reader->next(1'000'000).empty());  // it reads what was there when it was opened
  reader = kv::read_checkpoint(path);
  CHECK_THROWS_AS(reader->next(1'000'000), base::Error);
}

TEST_CASE("checkpoint: a file of version 2, which had no checksums, becomes one of version 3") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Store store;
  for (std::uint64_t i = 1; i <= 3; ++i) store.apply({.key = std::format("/1/d/{}", i), .value = "v"}, i, 2);
  {
    kv::Checkpoint checkpoint(path, kMember);
    REQUIRE(save(checkpoint, store));
    base::Database database(path, true);
    database.execute(
        "ALTER TABLE nodes DROP COLUMN checksum; ALTER TABLE nodes DROP COLUMN create_revision;"
        "ALTER TABLE nodes DROP COLUMN version; ALTER TABLE nodes DROP COLUMN lease; ALTER TABLE events DROP COLUMN "
        "checksum;"
        "DELETE FROM facts WHERE name NOT IN ('revision', 'applied_index', 'applied_term'); PRAGMA user_version=2");
  }
  for (int start = 0; start < 2; ++start) {
    kv::Checkpoint checkpoint(path, kMember);
    CHECK(checkpoint.base() == base_at(store));
    kv::Store loaded;
    loaded.restore(checkpoint.load());
    CHECK(loaded.digest() == store.digest());
    CHECK(loaded.history().size() == 3);
  }
}
