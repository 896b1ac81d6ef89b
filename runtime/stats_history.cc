#include "runtime/stats_history.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

namespace runtime {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = std::chrono::system_clock::time_point;

constexpr std::string_view kMagic = "COSSTATS";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kSlotSize = 64;
constexpr std::size_t kHeaderSize = 64;
constexpr std::uint64_t kSlots = seconds(kHistory) / kSampleInterval;
constexpr std::size_t kFileSize = kHeaderSize + kSlots * kSlotSize;

void put(std::string& to, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) to += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t get(std::string_view from, std::size_t at, int bytes) {
  std::uint64_t number = 0;
  for (int i = bytes - 1; i >= 0; i--) {
    number = number << 8 | static_cast<unsigned char>(from[at + static_cast<std::size_t>(i)]);
  }
  return number;
}

std::string header() {
  std::string text(kMagic);
  put(text, kVersion, 4);
  put(text, kSlotSize, 4);
  put(text, kSlots, 4);
  put(text, static_cast<std::uint64_t>(kSampleInterval.count()), 4);
  text.resize(kHeaderSize - 4);
  put(text, base::crc32c(text), 4);
  return text;
}

off_t place_of(TimePoint time) {
  auto number = static_cast<std::uint64_t>(duration_cast<seconds>(time.time_since_epoch()) / kSampleInterval);
  return static_cast<off_t>(kHeaderSize + number % kSlots * kSlotSize);
}

void write_at(const base::Fd& file, std::string_view bytes, off_t at, const std::string& path) {
  ssize_t written = pwrite(file.get(), bytes.data(), bytes.size(), at);
  if (written != static_cast<ssize_t>(bytes.size())) throw base::Error("write", path, written < 0 ? errno : EIO);
}

std::uint64_t number_of(const KeyedNumbers& numbers, const char* key) {
  auto found = numbers.find(key);
  return found == numbers.end() ? 0 : found->second;
}

}  // namespace

StatsSample sample_of(const CgroupStats& stats, TimePoint time) {
  StatsSample sample{.time = TimePoint(duration_cast<milliseconds>(time.time_since_epoch())),
                     .cpu_microseconds = number_of(stats.cpu, "usage_usec"),
                     .memory = stats.memory.value_or(0),
                     .pids = stats.pids.value_or(0)};
  for (const BlockDeviceUse& device : stats.io) {
    sample.read_bytes += number_of(device.numbers, "rbytes");
    sample.written_bytes += number_of(device.numbers, "wbytes");
  }
  auto pressure = stats.pressure.find("memory");
  if (pressure != stats.pressure.end() && pressure->second.some) {
    sample.memory_pressure = static_cast<std::uint32_t>(std::lround(pressure->second.some->average_10 * 100));
  }
  sample.out_of_memory_kills = static_cast<std::uint32_t>(number_of(stats.memory_events, "oom_kill"));
  return sample;
}

std::string encode_sample(const StatsSample& sample) {
  std::string slot;
  put(slot, static_cast<std::uint64_t>(duration_cast<milliseconds>(sample.time.time_since_epoch()).count()), 8);
  for (std::uint64_t number :
       {sample.cpu_microseconds, sample.memory, sample.pids, sample.read_bytes, sample.written_bytes}) {
    put(slot, number, 8);
  }
  put(slot, sample.memory_pressure, 4);
  put(slot, sample.out_of_memory_kills, 4);
  slot.resize(kSlotSize - 4);
  put(slot, base::crc32c(slot), 4);
  return slot;
}

std::optional<StatsSample> decode_sample(std::string_view slot) {
  if (slot.size() != kSlotSize || get(slot, 0, 8) == 0) return std::nullopt;
  if (base::crc32c(slot.substr(0, kSlotSize - 4)) != get(slot, kSlotSize - 4, 4)) return std::nullopt;
  std::uint64_t time = get(slot, 0, 8);
  if (time > static_cast<std::uint64_t>(duration_cast<milliseconds>(TimePoint::max().time_since_epoch()).count())) {
    return std::nullopt;
  }
  return StatsSample{.time = TimePoint(milliseconds(time)),
                     .cpu_microseconds = get(slot, 8, 8),
                     .memory = get(slot, 16, 8),
                     .pids = get(slot, 24, 8),
                     .read_bytes = get(slot, 32, 8),
                     .written_bytes = get(slot, 40, 8),
                     .memory_pressure = static_cast<std::uint32_t>(get(slot, 48, 4)),
                     .out_of_memory_kills = static_cast<std::uint32_t>(get(slot, 52, 4))};
}

void append_sample(const std::string& path, const StatsSample& sample) {
  base::Fd file = base::open_file(path, O_RDWR | O_CREAT, 0600);
  struct stat status = {};
  base::check(fstat(file.get(), &status), "stat", path);
  if (status.st_size != static_cast<off_t>(kFileSize)) {
    base::check(ftruncate(file.get(), 0), "empty", path);
    base::check(ftruncate(file.get(), static_cast<off_t>(kFileSize)), "make", path);
    write_at(file, header(), 0, path);
  }
  write_at(file, encode_sample(sample), place_of(sample.time), path);
}

std::vector<StatsSample> read_history(const std::string& path, TimePoint now) {
  std::vector<StatsSample> samples;
  std::optional<std::string> bytes = base::read_file_if_exists(path);
  if (!bytes || bytes->empty()) return samples;
  if (bytes->size() != kFileSize || bytes->substr(0, kHeaderSize) != header()) {
    throw base::Error("read", path, "not a history of this version");
  }
  for (std::size_t at = kHeaderSize; at < kFileSize; at += kSlotSize) {
    std::optional<StatsSample> sample = decode_sample(std::string_view(*bytes).substr(at, kSlotSize));
    if (sample && sample->time <= now && now - sample->time <= kHistory) samples.push_back(*sample);
  }
  std::ranges::sort(samples, {}, &StatsSample::time);
  return samples;
}

}  // namespace runtime
