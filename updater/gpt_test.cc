// The partition table, as golden bytes and damaged in every way that matters.

#include "updater/gpt.h"

#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "updater/bytes.h"

using namespace updater;

namespace {

// What `sfdisk` 2.41 wrote for an ESP, a root and (as number 5) a verity partition, zeros left out.
std::string golden_gpt() {
  std::string disk(kGptBytes, '\0');
  const auto put = [&](std::size_t at, std::string_view hex) {
    const std::string bytes = base::unhex(hex).value();
    disk.replace(at, bytes.size(), bytes);
  };
  put(512,
      "4546492050415254000001005c00000066519f39000000000100000000000000ff7f00000000000000080000"
      "00000000de7f000000000000aaaaaaaabbbbccccddddeeeeeeeeeeee02000000000000008000000080000000"
      "3fa2886f");
  put(1024 + 0 * 128,
      "28732ac11ff8d211ba4b00a0c93ec93b999999992222333344445555555555550008000000000000ff0f0000"
      "0000000000000000000000004500530050");
  put(1024 + 1 * 128,
      "e3bc684fcde8b14d96e7fbcaf984b709111111112222333344445555555555550010000000000000ff170000"
      "00000000000000000000000063006c00750073007400650072006f0073005f0030002e0031002e0030");
  put(1024 + 4 * 128,
      "ed57732cd2ebd946aec123d437ec2bf5222222222222333344445555555555550020000000000000ff270000"
      "00000000000000000000000063006c00750073007400650072006f0073005f0030002e0031002e0030005f00"
      "7600650072006900740079");
  return disk;
}

}  // namespace

TEST_CASE("a table made by sfdisk is read") {
  const std::vector<Partition> partitions = parse_gpt(golden_gpt(), "disk");
  REQUIRE(partitions.size() == 3);
  CHECK(partitions[0].number == 1);
  CHECK(is_esp_type(partitions[0].type));
  CHECK(partitions[0].label == "ESP");
  CHECK(partitions[1].label == "clusteros_0.1.0");
  CHECK(is_root_type(partitions[1].type));
  CHECK(partitions[1].id == "11111111-2222-3333-4444-555555555555");
  CHECK(partitions[1].first == 2 * 1024 * 1024);
  CHECK(partitions[1].size == 1024 * 1024);
  CHECK(partitions[2].number == 5);
  CHECK(is_verity_type(partitions[2].type));
}

TEST_CASE("a flipped bit anywhere in header or entries is noticed") {
  const std::string good = golden_gpt();
  base::SeededRandom random(7);
  for (int i = 0; i < 500; ++i) {
    std::string bad = good;
    const bool in_header = random.below(2) == 0;
    const std::size_t at = in_header ? 512 + random.below(92) : 1024 + random.below(128 * 128);
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    CHECK_THROWS_AS(parse_gpt(bad, "disk"), base::Error);
  }
}

TEST_CASE("a short, an empty and a foreign disk have no table") {
  const std::string good = golden_gpt();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{511}, std::size_t{1024}, std::size_t{1500}, std::size_t{9000}}) {
    CHECK_THROWS_AS(parse_gpt(good.substr(0, size), "disk"), base::Error);
  }
  CHECK_THROWS_WITH_AS(parse_gpt(std::string(65536, '\0'), "/dev/x"),
                       "read partition table of /dev/x: there is no GPT on it", base::Error);
}

TEST_CASE("UTF-16 text: surrogates, the end, and halves") {
  using namespace std::string_literals;
  CHECK(utf8_from_utf16("a\0b\0\0\0c\0"s) == "ab");
  CHECK(utf8_from_utf16("\xac\x20"s) == "€");
  CHECK(utf8_from_utf16("\x3d\xd8\x00\xde"s) == "😀");
  CHECK(utf8_from_utf16("\x3d\xd8"s) == "\ufffd");
  CHECK(utf8_from_utf16("\x00\xdc"s) == "\ufffd");
  CHECK(utf8_from_utf16("a\0b"s) == "a");
}
