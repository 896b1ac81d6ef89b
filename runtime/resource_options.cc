#include "runtime/resource_options.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "runtime/oci_resources.h"
#include "runtime/run_options.h"

namespace runtime {
namespace {

constexpr std::uint64_t kHighMargin = 32;

struct RateOption {
  const char* name;
  const char* help;
  bool bytes;
  std::optional<std::uint64_t> BlockDeviceLimit::* member;
};

constexpr std::array kRates = {
    RateOption{"device-read-bps", "most bytes a second read from a disk", true,
               &BlockDeviceLimit::read_bytes_per_second},
    RateOption{"device-write-bps", "most bytes a second written to a disk", true,
               &BlockDeviceLimit::write_bytes_per_second},
    RateOption{"device-read-iops", "most reads a second of a disk", false, &BlockDeviceLimit::reads_per_second},
    RateOption{"device-write-iops", "most writes a second of a disk", false, &BlockDeviceLimit::writes_per_second},
};

[[noreturn]] void wrong(std::string_view option, std::string_view text, std::string_view expected) {
  throw base::UsageError("--" + std::string(option) + " '" + std::string(text) + "': expected " +
                         std::string(expected));
}

std::uint64_t bytes_of(const base::Invocation& invocation, const char* option) {
  const std::string& text = invocation.get(option);
  std::optional<std::uint64_t> bytes = base::parse_size(text);
  if (!bytes) wrong(option, text, "bytes, as 64m or 1g");
  return *bytes;
}

std::string list_of(const base::Invocation& invocation, const char* option) {
  const std::string& text = invocation.get(option);
  if (text.empty() || text.find_first_not_of("0123456789,-") != std::string::npos) {
    wrong(option, text, "a list as 0-3,7");
  }
  return text;
}

void add_rate(const DeviceRate& wanted, std::optional<std::uint64_t> BlockDeviceLimit::* member, Resources& resources) {
  struct stat status = {};
  base::check(stat(wanted.path.c_str(), &status), "limit device", wanted.path);
  if (!S_ISBLK(status.st_mode)) throw base::Error("limit device", wanted.path, "not a block device");
  std::vector<BlockDeviceLimit>& list = resources.block_devices;
  auto same = std::ranges::find_if(list, [&](const BlockDeviceLimit& device) {
    return device.major == major(status.st_rdev) && device.minor == minor(status.st_rdev);
  });
  if (same == list.end()) {
    list.push_back({.major = major(status.st_rdev), .minor = minor(status.st_rdev)});
    same = list.end() - 1;
  }
  (*same).*member = wanted.rate;
}

void add_memory(const base::Invocation& invocation, Resources& resources) {
  if (invocation.given("memory")) {
    resources.memory_max = parse_memory(invocation.get("memory"));
    resources.memory_high = memory_high_below(*resources.memory_max);
    resources.memory_swap_max = 0;
  }
  if (invocation.given("memory-swap")) {
    std::uint64_t both = bytes_of(invocation, "memory-swap");
    if (!resources.memory_max) throw base::UsageError("--memory-swap needs --memory: it is memory and swap together");
    if (both < *resources.memory_max) wrong("memory-swap", invocation.get("memory-swap"), "at least --memory's bytes");
    resources.memory_swap_max = both - *resources.memory_max;
  }
  if (invocation.given("memory-reservation")) resources.memory_low = bytes_of(invocation, "memory-reservation");
}

}  // namespace

std::uint64_t memory_high_below(std::uint64_t memory_max) {
  return memory_max == kUnlimited ? kUnlimited : memory_max - memory_max / kHighMargin;
}

DeviceRate parse_device_rate(std::string_view option, std::string_view text, bool bytes) {
  std::size_t colon = text.rfind(':');
  std::string_view number = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  std::optional<std::uint64_t> rate = bytes ? base::parse_size(number) : base::parse_unsigned(number);
  if (!text.starts_with('/') || !rate || *rate == 0) {
    wrong(option, text, bytes ? "/DEVICE:BYTES, as /dev/sda:1m" : "/DEVICE:NUMBER, as /dev/sda:100");
  }
  return {.path = std::string(text.substr(0, colon)), .rate = *rate};
}

HugePageLimit parse_huge_pages(std::string_view text) {
  std::size_t equals = text.find('=');
  HugePageLimit limit{.size = std::string(text.substr(0, equals))};
  std::string_view number = limit.size.size() > 2 ? std::string_view(limit.size).substr(0, limit.size.size() - 2) : "";
  bool unit = limit.size.ends_with("KB") || limit.size.ends_with("MB") || limit.size.ends_with("GB");
  std::optional<std::uint64_t> bytes;
  if (equals != std::string_view::npos) bytes = base::parse_size(text.substr(equals + 1));
  if (!unit || !base::parse_unsigned(number) || !bytes) {
    wrong("hugepages", text, "SIZE=BYTES with the size as the kernel writes it, as 2MB=64m");
  }
  limit.bytes = *bytes;
  return limit;
}

std::vector<base::Option> resource_options() {
  std::vector<base::Option> options = {
      {.name = "memory",
       .letter = 'm',
       .value = "BYTES",
       .help = "most memory, as 64m; slowed down shortly before, ended beyond; no swap beside it"},
      {.name = "memory-swap", .value = "BYTES", .help = "most memory and swap together"},
      {.name = "memory-reservation", .value = "BYTES", .help = "memory that others cannot take away"},
      {.name = "cpus", .value = "NUMBER", .help = "most processors' worth of time, as 1.5"},
      {.name = "cpu-shares", .value = "NUMBER", .help = "share of the processors' time, 2 to 262144; others have 1024"},
      {.name = "cpuset-cpus", .value = "LIST", .help = "processors to run on, as 0-3,7"},
      {.name = "cpuset-mems", .value = "LIST", .help = "memory nodes to use, as 0,1"},
      {.name = "pids", .value = "NUMBER", .help = "most processes and threads"},
      {.name = "hugepages",
       .value = "SIZE=BYTES",
       .help = "most memory in huge pages of this size, as 2MB=64m",
       .repeatable = true},
      {.name = "blkio-weight", .value = "NUMBER", .help = "share of the disks' time, 10 to 1000; others have about 20"},
  };
  for (const RateOption& rate : kRates) {
    options.push_back({.name = rate.name,
                       .value = rate.bytes ? "DEVICE:BYTES" : "DEVICE:NUMBER",
                       .help = rate.help,
                       .repeatable = true});
  }
  return options;
}

void add_resource_options(const base::Invocation& invocation, Resources& resources) {
  add_memory(invocation, resources);
  if (invocation.given("cpus")) resources.cpu_quota = parse_cpu_quota(invocation.get("cpus"));
  if (invocation.given("cpu-shares")) {
    resources.cpu_weight = cpu_weight_of_shares(invocation.number("cpu-shares", 2, 262144));
  }
  if (invocation.given("cpuset-cpus")) resources.cpuset_cpus = list_of(invocation, "cpuset-cpus");
  if (invocation.given("cpuset-mems")) resources.cpuset_mems = list_of(invocation, "cpuset-mems");
  if (invocation.given("pids")) resources.pids_max = invocation.number("pids", 1, 4194304);
  for (const std::string& text : invocation.get_all("hugepages")) {
    HugePageLimit limit = parse_huge_pages(text);
    resources.huge_pages[limit.size] = limit.bytes;
  }
  if (invocation.given("blkio-weight")) {
    std::uint64_t weight = invocation.number("blkio-weight", 10, 1000);
    resources.io_bfq_weight = weight;
    resources.io_weight = io_weight_of_blkio(weight);
  }
  for (const RateOption& option : kRates) {
    for (const std::string& text : invocation.get_all(option.name)) {
      add_rate(parse_device_rate(option.name, text, option.bytes), option.member, resources);
    }
  }
}

}  // namespace runtime
