#include "kv/data_check.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/temp_dir.h"
#include "kv/checkpoint.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/proposal_entry.h"
#include "kv/sqlite_image.h"

namespace {

constexpr kv::WalIdentity kMember{0x11, 0x22};

// A member's data: a log of a configuration and `kEntries` writes in some small segments, and the state after the half.
struct DataFixture {
  static constexpr std::uint64_t kEntries = 200;
  static constexpr kv::WalLimits kSmall{.first_segment = 2048, .largest_segment = 8192, .fill_step = 512};

  base::TempDir dir;
  std::string path = dir.path() + "/data";
  std::string state_file = path + "/store.db";
  base::SeededRandom random{1};
  kv::RaftConfiguration configuration{{0x22, true}};

  DataFixture() {
    kv::DataDir data(path);
    kv::FileStorage storage(path + "/wal");
    kv::Wal::create(storage, kMember, random, kSmall);
    kv::Wal log(storage, random, kSmall);
    log.save_state({2, 0x22});
    log.append({{1, 2, kv::EntryKind::kConfiguration, shared(encode(configuration))}});
    for (std::uint64_t i = 2; i <= kEntries; ++i) log.append({write(i)});
    save_state(kMember, kEntries / 2, 2);
  }
  static std::shared_ptr<const std::string> shared(std::string bytes) {
    return std::make_shared<const std::string>(std::move(bytes));
  }
  static kv::Command command(std::uint64_t i) { return {.key = "/1/d/" + std::to_string(i), .value = "value"}; }
  static kv::RaftEntry write(std::uint64_t i) {
    return {i, 2, kv::EntryKind::kCommand, shared(kv::encode_proposal_entry({1, i, encode(command(i))}))};
  }
  void save_state(kv::WalIdentity member, std::uint64_t entry, std::uint64_t term) {
    kv::Store store;
    store.skip(1, term);
    for (std::uint64_t i = 2; i <= entry; ++i) store.apply(command(i), i, term);
    base::remove_file(state_file);
    kv::Checkpoint checkpoint(state_file, member);
    REQUIRE(checkpoint.save(std::vector{store.take_changes()}, {entry, term, 1, configuration}));
  }
  std::string segment(int number) const { return std::format("{}/wal/{:016x}.wal", path, number); }
  void flip(const std::string& file, std::size_t at) {
    std::string bytes = base::read_file(file);
    REQUIRE(at < bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 0x04);
    base::write_file_atomic(file, bytes, 0600);
  }
  std::vector<std::string> problems() const { return kv::check_data_dir(path).problems; }
  // The only problem there is.
  std::string problem() const {
    const std::vector<std::string> all = problems();
    return all.size() == 1 ? all[0] : std::format("{} problems", all.size());
  }
};

}  // namespace

TEST_CASE_FIXTURE(DataFixture, "data check: whole data is found whole, and nothing is changed") {
  const std::vector<std::string> files = base::list_directory(path + "/wal");
  const std::string state = base::read_file(state_file);
  const kv::DataReport report = kv::check_data_dir(path);
  CHECK(report.problems == std::vector<std::string>{});
  CHECK(report.summary == path +
                              ": member 22 of cluster 11, term 2, entries 1 to 200 in wal; 105 nodes at index 99 "
                              "and entry 100 in store.db");
  CHECK(base::list_directory(path + "/wal") == files);
  CHECK(base::list_directory(path) == std::vector<std::string>{"lock", "store.db", "wal"});
  CHECK(base::read_file(state_file) == state);
}

TEST_CASE_FIXTURE(DataFixture, "data check: what the log of the database has is read, and left where it is") {
  kv::Store store;
  store.skip(1, 2);
  for (std::uint64_t i = 2; i <= 150; ++i) store.apply(command(i), i, 2);
  kv::Checkpoint checkpoint(state_file, kMember);  // open: SQLite leaves its log as long
  REQUIRE(checkpoint.save(std::vector{store.take_changes()}, {150, 2, 1, configuration}));
  REQUIRE(base::read_file(state_file + "-wal").size() > 4096);
  const std::string log = base::read_file(state_file + "-wal");
  CHECK(kv::check_data_dir(path).summary.contains("155 nodes at index 149 and entry 150"));
  CHECK(base::read_file(state_file + "-wal") == log);
  kv::SqliteImage image = kv::read_sqlite_image(state_file);
  base::Database database(std::as_writable_bytes(std::span(image.bytes)), "image");
  CHECK_THROWS_AS(database.execute("DELETE FROM nodes"), base::Error);
}

// What is in no page that is used, or says nothing, may change without a word: then the state is still the same.
TEST_CASE_FIXTURE(DataFixture,
                  "data check: a flipped bit of store.db is named, or the state is the same in spite of it") {
  const std::string whole = base::read_file(state_file);
  auto loaded = [&]() -> std::uint64_t {
    kv::Store store;
    store.restore(kv::Checkpoint(state_file, kMember).load());
    return store.digest();
  };
  const std::uint64_t digest = loaded();
  std::size_t named = 0;
  std::size_t harmless = 0;
  for (std::size_t at = 0; at < whole.size(); at += 41) {
    base::write_file_atomic(state_file, whole, 0600);
    flip(state_file, at);
    if (!problems().empty()) {
      ++named;
      continue;
    }
    ++harmless;
    CAPTURE(at);
    CHECK(loaded() == digest);
  }
  CHECK(named > whole.size() / 41 / 4);
  CHECK(harmless > 0);
}

TEST_CASE_FIXTURE(DataFixture, "data check: a flipped bit in each segment of the log is named") {
  const std::size_t segments = base::list_directory(path + "/wal").size();
  REQUIRE(segments >= 3);
  for (const std::size_t at : {8, 20, 70, 96, 140, 900}) {
    flip(segment(2), at);
    CHECK(problem().substr(0, 24) == "wal/0000000000000002.wal");
    flip(segment(2), at);
  }
  CHECK(problems().empty());
}

TEST_CASE_FIXTURE(DataFixture, "data check: a segment that is missing, short or another's") {
  const std::string second = base::read_file(segment(2));
  base::remove_file(segment(2));
  CHECK(problem() == "wal/0000000000000003.wal: segments 2 to 2 are missing");
  base::write_file_atomic(segment(2), second.substr(0, 1500), 0600);
  CHECK(problems().at(0).contains("0000000000000002.wal: 1500 bytes, its header says 8192"));
  base::write_file_atomic(segment(2), "", 0600);
  CHECK(problems().at(0) == "wal/0000000000000002.wal: its header is damaged");
  base::write_file_atomic(segment(2), second, 0600);
  CHECK(problems().empty());
}

TEST_CASE_FIXTURE(DataFixture, "data check: log and state must be of the same member and time") {
  save_state({0x11, 0x23}, 100, 2);
  CHECK(problem() == "store.db is of member 23 of cluster 11, wal of member 22 of cluster 11");
  save_state(kMember, 100, 1);
  CHECK(problem() == "entry 100 is of term 1 in store.db and of term 2 in wal");
  save_state(kMember, 300, 3);
  REQUIRE(problems().size() == 2);
  CHECK(problems()[0].starts_with("wal ends at entry 200, before entry 300 of store.db"));
  CHECK(problems()[1] == "store.db is of term 3, wal knows only of term 2");
  configuration = {{0x22, true}, {0x33, true}};
  save_state(kMember, 100, 2);
  CHECK(problem() == "entry 1 makes other voters in store.db than in wal");
  configuration = {{0x22, true}};
  base::remove_file(segment(1));
  base::remove_file(segment(2));
  save_state(kMember, 5, 2);
  CHECK(problem().starts_with("store.db ends at entry 5, wal begins at entry "));
  base::remove_file(state_file);
  CHECK(problem().starts_with("store.db ends at entry 0, wal begins at entry "));
}

TEST_CASE_FIXTURE(DataFixture, "data check: half of the data, none, or in use") {
  base::remove_tree_at(base::open_directory(path), "wal");
  CHECK(problem() == "wal: it is missing");
  base::make_directories(path + "/wal");
  CHECK(problem() == "wal: it has no segment");
  const std::string empty = dir.path() + "/empty";
  base::make_directories(empty);
  CHECK_THROWS_WITH_AS(kv::check_data_dir(empty), doctest::Contains("holds no member's data"), base::Error);
  CHECK(base::list_directory(empty).empty());
  CHECK_THROWS_WITH_AS(kv::check_data_dir(dir.path() + "/none"), doctest::Contains("No such file"), base::Error);
  kv::DataDir in_use(path);
  CHECK_THROWS_WITH_AS(kv::check_data_dir(path), doctest::Contains("uses it already"), base::Error);
}

TEST_CASE_FIXTURE(DataFixture, "data check: a damaged log of the database is named where more than its end is lost") {
  kv::Store store;
  store.skip(1, 2);
  kv::Checkpoint checkpoint(state_file, kMember);
  std::vector<std::size_t> ends;
  for (std::uint64_t i = 2; i <= 5; ++i) {
    store.apply(command(200 + i), i, 2);
    REQUIRE(checkpoint.save(std::vector{store.take_changes()}, {i, 2, 1, configuration}));
    ends.push_back(base::read_file(state_file + "-wal").size());
  }
  const std::string log_file = state_file + "-wal";
  // Beside the database that is open: its files are not touched.
  const std::string copy = dir.path() + "/copy";
  base::make_directories(copy);
  base::write_file_atomic(copy + "/store.db", base::read_file(state_file));
  const std::string log = base::read_file(log_file);
  auto problems_of = [&](std::size_t at) {
    std::string bad = log;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    base::write_file_atomic(copy + "/store.db-wal", bad);
    return kv::read_sqlite_image(copy + "/store.db").problems;
  };
  CHECK(problems_of(ends[1] + 100) ==
        std::vector<std::string>{std::format("store.db-wal at {}: a damaged frame", ends[1])});
  CHECK(problems_of(3) == std::vector<std::string>{"store.db-wal: its header is damaged"});
  // The last one may have been torn by a power cut.
  CHECK(problems_of(ends[2] + 100).empty());
}
