#include "kv/wal.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "kv/file_storage.h"

namespace {

constexpr kv::WalLimits kSmall{.first_segment = 1024, .largest_segment = 4096, .fill_step = 512};

kv::RaftEntry entry(std::uint64_t index, std::uint64_t term, std::string data) {
  return {index, term, kv::EntryKind::kCommand, std::make_shared<const std::string>(std::move(data))};
}

std::string text_of(const kv::LogContent& content) {
  std::string text = std::format("term {} vote {}:", content.state.term, content.state.voted_for);
  for (const kv::RaftEntry& one : content.entries) text += std::format(" {}/{}={}", one.index, one.term, one.bytes());
  return text;
}

struct WalFixture {
  base::TempDir dir;
  std::string path = dir.path() + "/wal";
  kv::FileStorage storage{path};
  base::SeededRandom random{1};

  WalFixture() { kv::Wal::create(storage, {0x11, 0x22}, random, kSmall); }
  kv::Wal open() { return kv::Wal(storage, random, kSmall); }
  std::string content() { return text_of(open().take_content()); }
  std::string segment(int number) { return std::format("{}/{:016x}.wal", path, number); }
  void change(const std::string& file, std::size_t offset, std::string_view bytes) {
    std::string data = base::read_file(file);
    data.replace(offset, bytes.size(), bytes);
    base::write_file_atomic(file, data);
  }
};

}  // namespace

TEST_CASE("wal format: the bytes of docs/formats/kv-wal.md") {
  kv::SegmentHeader header{1, 2, 3, 4, 4096};
  std::string bytes = encode(header);
  REQUIRE(bytes.size() == 64);
  CHECK(bytes.substr(0, 16) == std::string("COSKVWAL\1\0\0\0\0\0\0\0", 16));
  CHECK(bytes.substr(16, 8) == std::string("\1\0\0\0\0\0\0\0", 8));
  CHECK(bytes.substr(60) == std::string("\xdf\x92\x0c\x16", 4));
  CHECK(kv::decode_segment_header(bytes) == header);
  bytes[20] = 1;
  CHECK_FALSE(kv::decode_segment_header(bytes));

  kv::FrameChain chain{kv::segment_checksum(header), 0x01020304};
  std::string payload = encode(std::vector<kv::RaftEntry>{entry(9, 5, "ab")});
  CHECK(payload == std::string("\1\5\1\2ab", 6));
  std::string frame = encode_frame({kv::FrameKind::kEntries, 9, payload}, chain);
  REQUIRE(frame.size() == 40);
  CHECK(frame.substr(0, 4) == std::string("\6\0\0\0", 4));
  CHECK(frame.substr(8, 16) == std::string("\4\3\2\1\2\0\0\0\x9\0\0\0\0\0\0\0", 16));
  auto found = kv::frame_at(frame, 0, chain.segment);
  REQUIRE(found);
  CHECK(found->frame.index == 9);
  CHECK(found->frame.payload == payload);
  CHECK(found->previous == 0x01020304);
  for (std::size_t i = 0; i < 38; ++i) {
    std::string bad = frame;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    CHECK_FALSE(kv::frame_at(bad, 0, chain.segment));
  }
}

TEST_CASE_FIXTURE(WalFixture, "wal: state and entries survive a reopening") {
  {
    kv::Wal wal = open();
    CHECK(wal.identity() == kv::WalIdentity{0x11, 0x22});
    CHECK(text_of(wal.take_content()) == "term 0 vote 0:");
    wal.save_state({3, 7});
    wal.append({entry(1, 3, "a"), entry(2, 3, std::string("\0b", 2))});
    wal.append({entry(3, 3, "")});
  }
  CHECK(content() == std::string("term 3 vote 7: 1/3=a 2/3=\0b 3/3=", 32));
}

TEST_CASE_FIXTURE(WalFixture, "wal: an entry makes those at and above its index void") {
  {
    kv::Wal wal = open();
    wal.append({entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")});
    wal.append({entry(2, 2, "B")});
  }
  CHECK(content() == "term 0 vote 0: 1/1=a 2/2=B");
}

TEST_CASE_FIXTURE(WalFixture, "wal: it grows over segments, forgets the old ones, and keeps the state") {
  std::string expected = "term 9 vote 1:";
  {
    kv::Wal wal = open();
    wal.save_state({9, 1});
    for (std::uint64_t i = 1; i <= 300; ++i) wal.append({entry(i, 9, std::string(100, 'x'))});
    CHECK(storage.list().size() > 5);
    wal.forget(250);
    CHECK(wal.size() < 4 * 4096);
  }
  kv::LogContent content = open().take_content();
  CHECK(content.state == kv::HardState{9, 1});
  CHECK(content.first_index <= 251);
  CHECK(content.first_index > 150);
  CHECK(content.entries.size() == 300 - content.first_index + 1);
  CHECK(content.entries.back().index == 300);
}

TEST_CASE_FIXTURE(WalFixture, "wal: after a reset it begins behind the snapshot") {
  {
    kv::Wal wal = open();
    wal.append({entry(1, 1, "a"), entry(2, 1, "b")});
    wal.reset(50);
    wal.append({entry(51, 4, "c")});
  }
  kv::LogContent content = open().take_content();
  CHECK(content.first_index == 51);
  CHECK(text_of(content) == "term 0 vote 0: 51/4=c");
}

TEST_CASE_FIXTURE(WalFixture, "wal: a torn tail is cut, wherever it tears") {
  std::size_t first_end = 0;
  std::size_t second_end = 0;
  {
    kv::Wal wal = open();
    wal.append({entry(1, 1, "whole")});
    first_end = base::read_file(segment(1)).find_last_not_of('\0') + 1;
    wal.append({entry(2, 1, std::string(200, 'y'))});
    second_end = base::read_file(segment(1)).find_last_not_of('\0') + 1;
  }
  const std::string whole = base::read_file(segment(1));
  for (std::size_t cut = first_end; cut < second_end; cut += 5) {
    std::string torn = whole;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.begin() + static_cast<std::ptrdiff_t>(second_end),
              '\0');
    base::write_file_atomic(segment(1), torn);
    CHECK(content() == "term 0 vote 0: 1/1=whole");
    {
      kv::Wal wal = open();
      wal.append({entry(2, 2, "again")});
    }
    CHECK(content() == "term 0 vote 0: 1/1=whole 2/2=again");
    base::write_file_atomic(segment(1), whole);
  }
}

TEST_CASE_FIXTURE(WalFixture, "wal: damage before the end stops the start, with file and offset") {
  {
    kv::Wal wal = open();
    wal.append({entry(1, 1, "first")});
    wal.append({entry(2, 1, "second")});
  }
  const std::size_t at = base::read_file(segment(1)).find("first");
  change(segment(1), at, "F");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("0000000000000001.wal at 104"), base::Error);
  CHECK(kv::Wal::check(storage).size() == 1);
  change(segment(1), at, "f");
  CHECK(content() == "term 0 vote 0: 1/1=first 2/1=second");
  CHECK(kv::Wal::check(storage).empty());
  change(segment(1), 20, "!");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("its header is damaged"), base::Error);
}

TEST_CASE_FIXTURE(WalFixture, "wal: a segment that is missing or another's is refused") {
  {
    kv::Wal wal = open();
    for (std::uint64_t i = 1; i <= 60; ++i) wal.append({entry(i, 1, std::string(100, 'x'))});
  }
  REQUIRE(storage.list().size() >= 3);
  const std::string second = base::read_file(segment(2));
  base::remove_file(segment(2));
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("segment 2 before it is missing"), base::Error);
  CHECK(kv::Wal::check(storage).size() == 1);
  base::write_file_atomic(segment(2), base::read_file(segment(1)));
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("it holds segment 1"), base::Error);
  base::write_file_atomic(segment(2), second.substr(0, 1000));
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("bytes, its header says"), base::Error);
}

TEST_CASE_FIXTURE(WalFixture, "wal: an empty one is small") {
  kv::FileStorage other(dir.path() + "/other");
  kv::Wal::create(other, {1, 2}, random);
  CHECK(kv::Wal(other, random).size() < 1'000'000);
}

TEST_CASE_FIXTURE(WalFixture, "wal: what it begins with is there with it, however much it is") {
  kv::FileStorage other(dir.path() + "/other");
  kv::LogContent first{.state = {1, 0}, .entries = {entry(1, 1, std::string(3000, 'x')), entry(2, 1, "b")}};
  kv::Wal::create(other, {1, 2}, random, kSmall, first);
  kv::Wal wal(other, random, kSmall);
  CHECK(text_of(wal.take_content()) == text_of(first));
  wal.append({entry(3, 1, "c")});
  CHECK(kv::Wal(other, random, kSmall).take_content().entries.size() == 3);
}

// A log that has its identity alone looks like one of a member that joins a cluster: it would wait for ever.
TEST_CASE("wal: a first start that fails half way leaves no log") {
  struct FailsToRename : kv::FileStorage {
    using kv::FileStorage::FileStorage;
    void rename(const std::string&, const std::string&) override { throw kv::StorageFull("the disk is full"); }
  };
  base::TempDir dir;
  FailsToRename storage(dir.path() + "/wal");
  base::SeededRandom random{1};
  CHECK_THROWS(kv::Wal::create(storage, {1, 2}, random, kSmall, {.state = {1, 0}, .entries = {entry(1, 1, "a")}}));
  CHECK(!kv::Wal::exists(storage));
}

TEST_CASE_FIXTURE(WalFixture, "wal: what was read is synced") {
  struct CountsSyncs : kv::StorageFile {
    CountsSyncs(std::unique_ptr<kv::StorageFile> file, int& syncs) : file_(std::move(file)), syncs_(syncs) {}
    std::uint64_t size() const override { return file_->size(); }
    std::string read(std::uint64_t offset, std::size_t size) override { return file_->read(offset, size); }
    void write(std::uint64_t offset, std::string_view data) override { file_->write(offset, data); }
    void write_durably(std::uint64_t offset, std::string_view data) override { file_->write_durably(offset, data); }
    void sync() override { ++syncs_; }
    std::unique_ptr<kv::StorageFile> file_;
    int& syncs_;
  };
  struct Counts : kv::FileStorage {
    using kv::FileStorage::FileStorage;
    std::unique_ptr<kv::StorageFile> open(const std::string& name) override {
      return std::make_unique<CountsSyncs>(kv::FileStorage::open(name), file_syncs);
    }
    void sync_directory() override { ++directory_syncs; }
    int file_syncs = 0;
    int directory_syncs = 0;
  };
  Counts counting(path);
  kv::Wal wal(counting, random, kSmall);
  CHECK(counting.file_syncs == 1);
  CHECK(counting.directory_syncs == 1);
}
