#pragma once
// What a container may use (runtime-spec config-linux.md "Control groups"), in cgroup v2's terms: whoever fills it has
// converted v1's numbers already (oci_resources.h). A limit whose controller is missing is an Error, never ignored.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace runtime {

// A device number; nothing stands for every one.
struct DeviceNumber {
  std::optional<std::uint32_t> major = {};
  std::optional<std::uint32_t> minor = {};
};

// One rule of linux.resources.devices; a later one wins.
struct DeviceRule {
  bool allow = false;
  char type = 'a';  // 'a' all, 'b' block, 'c' character
  DeviceNumber number = {};
  bool read = true, write = true, make = true;
};

// Limits of one block device (io.max, io.weight).
struct BlockDeviceLimit {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::optional<std::uint64_t> weight = {};      // 1..10000
  std::optional<std::uint64_t> bfq_weight = {};  // 1..1000: goes before `weight` where the kernel has this knob
  std::optional<std::uint64_t> read_bytes_per_second = {};
  std::optional<std::uint64_t> write_bytes_per_second = {};
  std::optional<std::uint64_t> reads_per_second = {};
  std::optional<std::uint64_t> writes_per_second = {};
};

inline constexpr std::uint64_t kUnlimited = UINT64_MAX;  // "max" in the kernel's files

struct Resources {
  std::optional<std::uint64_t> memory_max = {};       // bytes
  std::optional<std::uint64_t> memory_high = {};      // bytes: slowed down from here on
  std::optional<std::uint64_t> memory_low = {};       // bytes
  std::optional<std::uint64_t> memory_swap_max = {};  // bytes of swap alone
  bool check_before_update = false;                   // refuse a memory_max below what is in use
  std::optional<std::uint64_t> cpu_quota = {};        // microseconds in each period
  std::optional<std::uint64_t> cpu_period = {};       // microseconds; 100000 when only the quota is given
  std::optional<std::uint64_t> cpu_burst = {};        // microseconds
  std::optional<std::uint64_t> cpu_weight = {};       // 1..10000
  std::optional<bool> cpu_idle = {};
  std::string cpuset_cpus = {};  // "0-3,7"; "": not limited
  std::string cpuset_mems = {};
  std::optional<std::uint64_t> pids_max = {};
  std::optional<std::uint64_t> io_weight = {};      // 1..10000
  std::optional<std::uint64_t> io_bfq_weight = {};  // 1..1000: goes before `io_weight` where the kernel has this knob
  std::vector<BlockDeviceLimit> block_devices = {};
  std::map<std::string, std::uint64_t> huge_pages = {};  // "2MB": bytes
  std::map<std::string, std::string> rdma = {};          // device: "hca_handle=2 hca_object=2000"
  std::map<std::string, std::string> unified = {};       // knob: value, as given
  std::vector<DeviceRule> devices = {};

  // True when a controller is needed (device rules need none).
  bool any() const {
    return memory_max || memory_high || memory_low || memory_swap_max || cpu_quota || cpu_period || cpu_burst ||
           cpu_weight || cpu_idle || !cpuset_cpus.empty() || !cpuset_mems.empty() || pids_max || io_weight ||
           io_bfq_weight || !block_devices.empty() || !huge_pages.empty() || !rdma.empty() || !unified.empty();
  }
};

}  // namespace runtime
