#pragma once
// What a cgroup has used, read from its files (Documentation/admin-guide/cgroup-v2.rst, accounting/psi.rst). A number
// whose file is missing (no such controller, an older kernel) is not there.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cgroup.h"

namespace runtime {

using KeyedNumbers = std::map<std::string, std::uint64_t>;

// One line of a pressure file: the share of the time, in percent, that some or all tasks waited.
struct Pressure {
  double average_10 = 0, average_60 = 0, average_300 = 0;
  std::uint64_t total = 0;  // microseconds
};
struct PressureFile {
  std::optional<Pressure> some, full;
};

struct HugePages {
  std::optional<std::uint64_t> usage, maximum;
  std::uint64_t failures = 0;  // how often the limit was hit
};

struct BlockDeviceUse {
  std::uint32_t major = 0, minor = 0;
  KeyedNumbers numbers;  // rbytes, wbytes, rios, wios, dbytes, dios
};

struct CgroupStats {
  KeyedNumbers cpu;  // cpu.stat: usage_usec, user_usec, system_usec, nr_periods, nr_throttled, throttled_usec, …
  std::optional<std::uint64_t> memory, memory_max, memory_high, memory_peak;  // bytes
  std::optional<std::uint64_t> swap, swap_max;
  KeyedNumbers memory_stat, memory_events;
  std::optional<std::uint64_t> pids, pids_max;
  std::vector<BlockDeviceUse> io;
  std::map<std::string, HugePages> huge_pages;   // "2MB"
  std::map<std::string, PressureFile> pressure;  // "cpu", "memory", "io"
};

CgroupStats read_stats(const Cgroup& cgroup);

// "max" is kUnlimited.
std::optional<std::uint64_t> parse_knob_number(std::string_view text);
KeyedNumbers parse_keyed(std::string_view text);                   // "anon 4096\nfile 0\n"
std::vector<BlockDeviceUse> parse_io_stat(std::string_view text);  // "8:0 rbytes=1 wbytes=2 …\n"
PressureFile parse_pressure(std::string_view text);                // "some avg10=0.00 avg60=… total=0\nfull …\n"

}  // namespace runtime
