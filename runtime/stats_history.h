#pragma once
// What a container used during the last hour: a ring of samples in a file of constant size, ten seconds apart. The
// format is docs/formats/runtime-stats.md. A sample's place follows from its time, and it is written with one write, so
// that any process may add one, none has to keep the file, and a killed writer leaves at worst one slot whose checksum
// is wrong, which is passed over.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cgroup_stats.h"

namespace runtime {

struct StatsSample {
  std::chrono::system_clock::time_point time = {};
  std::uint64_t cpu_microseconds = 0;  // since the start
  std::uint64_t memory = 0;            // bytes
  std::uint64_t pids = 0;
  std::uint64_t read_bytes = 0, written_bytes = 0;  // since the start, of all disks
  std::uint32_t memory_pressure = 0;                // hundredths of a percent: some avg10
  std::uint32_t out_of_memory_kills = 0;            // since the start

  bool operator==(const StatsSample&) const = default;
};

StatsSample sample_of(const CgroupStats& stats, std::chrono::system_clock::time_point time);

constexpr std::chrono::seconds kSampleInterval{10};
constexpr std::chrono::hours kHistory{1};
constexpr std::string_view kHistoryFile = "stats";  // in the container's state directory

// The bytes of a slot and back; nothing for a slot that was never written, or is damaged. Pure.
std::string encode_sample(const StatsSample& sample);
std::optional<StatsSample> decode_sample(std::string_view slot);

// Adds a sample; the second one within ten seconds takes the first one's place.
void append_sample(const std::string& path, const StatsSample& sample);

// Those of the hour before `now`, oldest first. Nothing without the file; Error when it is none of ours.
std::vector<StatsSample> read_history(const std::string& path, std::chrono::system_clock::time_point now);

}  // namespace runtime
