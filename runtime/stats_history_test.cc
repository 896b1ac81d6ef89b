#include "runtime/stats_history.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

namespace runtime {
namespace {

using TimePoint = std::chrono::system_clock::time_point;
using std::chrono::seconds;

StatsSample sample(int at, std::uint64_t memory = 1) {
  return {.time = TimePoint(seconds(1'700'000'000 + at)), .memory = memory};
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("golden bytes of a sample and of the head") {
  StatsSample one{.time = TimePoint(std::chrono::milliseconds(0x0102030405)),
                  .cpu_microseconds = 0x11,
                  .memory = 0x2222,
                  .pids = 3,
                  .read_bytes = 4,
                  .written_bytes = 5,
                  .memory_pressure = 125,
                  .out_of_memory_kills = 7};
  std::string slot = encode_sample(one);
  CHECK(hex(slot) ==
        "0504030201000000110000000000000022220000000000000300000000000000"
        "040000000000000005000000000000007d00000007000000000000000cae5762");
  CHECK(decode_sample(slot) == one);
  base::TempDir directory;
  std::string path = directory.path() + "/stats";
  append_sample(path, one);
  CHECK(hex(base::read_file(path).substr(0, 64)) ==
        "434f5353544154530100000040000000680100000a0000000000000000000000"
        "00000000000000000000000000000000000000000000000000000000010b22d1");
  CHECK(base::read_file(path).size() == 64 + 360 * 64);
}

TEST_CASE("damage and emptiness are passed over") {
  std::string slot = encode_sample(sample(0));
  for (std::size_t i = 0; i < slot.size(); i++) {
    std::string damaged = slot;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(decode_sample(damaged).has_value());
  }
  CHECK_FALSE(decode_sample(std::string(64, '\0')).has_value());
  CHECK_FALSE(decode_sample("").has_value());
}

TEST_CASE("an hour is kept, one sample each ten seconds, oldest first") {
  base::TempDir directory;
  std::string path = directory.path() + "/stats";
  TimePoint now = sample(4000).time;
  CHECK(read_history(path, now).empty());
  for (int at = 0; at <= 4000; at += 5) append_sample(path, sample(at, static_cast<std::uint64_t>(at) + 1));
  std::vector<StatsSample> history = read_history(path, now);
  REQUIRE(history.size() == 360);
  CHECK(history.back().time == now);
  CHECK(history.front().time > now - std::chrono::hours(1));
  for (std::size_t i = 1; i < history.size(); i++) CHECK(history[i].time > history[i - 1].time);
  // What is older than an hour is gone, also where nothing was written over it.
  CHECK(read_history(path, now + std::chrono::minutes(59)).size() <= 7);
  CHECK(read_history(path, now + std::chrono::hours(2)).empty());
}

TEST_CASE("a file that is none of ours is said to be so when it is read, and made anew when it is written") {
  base::TempDir directory;
  std::string path = directory.path() + "/stats";
  base::write_file_atomic(path, "something else");
  CHECK_THROWS_AS(read_history(path, sample(0).time), base::Error);
  append_sample(path, sample(0));
  CHECK(read_history(path, sample(0).time).size() == 1);
}

}  // namespace runtime
