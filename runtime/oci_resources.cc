// cgroup v1's numbers, which the specification speaks in, as cgroup v2's. What v2 has no knob for (real-time time
// slices, kernel memory, swappiness, no OOM killer, leaf weights, network classes) is refused by its name when it is
// asked for; saying that it is not wanted is fine.

#include "runtime/oci_resources.h"

#include <algorithm>
#include <cmath>

namespace runtime {
namespace {

constexpr std::int64_t kMostDevice = 0xffffffff;
constexpr std::size_t kMostRules = 1024;  // of devices: a program of some ten thousand instructions

std::uint64_t unsigned_of(std::int64_t value) {
  return value < 0 ? kUnlimited : static_cast<std::uint64_t>(value);
}

// -1: no limit. 0 and absence say nothing.
std::optional<std::uint64_t> limit_of(ObjectReader& reader, const char* name) {
  std::int64_t value = reader.integer(name, -1, INT64_MAX).value_or(0);
  if (value == 0) return std::nullopt;
  return unsigned_of(value);
}

void refuse_number(ObjectReader& reader, const char* name) {
  std::int64_t value = reader.integer(name, -1, INT64_MAX).value_or(0);
  if (value > 0) refuse(reader.path_of(name), "cgroup v2 has no such limit");
}

void parse_memory(ObjectReader memory, Resources& result) {
  std::int64_t limit = memory.integer("limit", -1, INT64_MAX).value_or(0);
  std::int64_t both = memory.integer("swap", -1, INT64_MAX).value_or(0);
  if (limit != 0) result.memory_max = unsigned_of(limit);
  result.memory_swap_max = swap_alone(limit, both, memory.path_of("swap"));
  result.memory_low = limit_of(memory, "reservation");
  result.check_before_update = memory.boolean("checkBeforeUpdate");
  refuse_number(memory, "kernel");
  refuse_number(memory, "kernelTCP");
  if (memory.member("swappiness") != nullptr) {
    refuse(memory.path_of("swappiness"), "cgroup v2 has no such limit");
  }
  if (memory.boolean("disableOOMKiller")) {
    refuse(memory.path_of("disableOOMKiller"), "cgroup v2 always ends what exceeds its memory");
  }
  memory.boolean("useHierarchy");  // v2 always does
  memory.done();
}

std::string list_of(ObjectReader& reader, const char* name) {
  std::string text = reader.text(name);
  if (text.find_first_not_of("0123456789,-") != std::string::npos) {
    refuse(reader.path_of(name), "expected a list as 0-3,7");
  }
  return text;
}

void parse_cpu(ObjectReader cpu, Resources& result) {
  if (std::int64_t shares = cpu.integer("shares", 0, INT64_MAX).value_or(0); shares != 0) {
    result.cpu_weight = cpu_weight_of_shares(static_cast<std::uint64_t>(shares));
  }
  result.cpu_quota = limit_of(cpu, "quota");
  if (auto period = cpu.integer("period", 0, 1000000); period && *period > 0) result.cpu_period = unsigned_of(*period);
  if (auto burst = cpu.integer("burst", 0, INT64_MAX)) result.cpu_burst = unsigned_of(*burst);
  if (auto idle = cpu.integer("idle", 0, 1)) result.cpu_idle = *idle == 1;
  result.cpuset_cpus = list_of(cpu, "cpus");
  result.cpuset_mems = list_of(cpu, "mems");
  refuse_number(cpu, "realtimeRuntime");
  refuse_number(cpu, "realtimePeriod");
  cpu.done();
}

BlockDeviceLimit& device_in(std::vector<BlockDeviceLimit>& list, ObjectReader& reader) {
  auto major = static_cast<std::uint32_t>(reader.integer("major", 0, kMostDevice).value_or(0));
  auto minor = static_cast<std::uint32_t>(reader.integer("minor", 0, kMostDevice).value_or(0));
  auto same = std::ranges::find_if(
      list, [&](const BlockDeviceLimit& device) { return device.major == major && device.minor == minor; });
  if (same != list.end()) return *same;
  list.push_back({.major = major, .minor = minor});
  return list.back();
}

void refuse_leaf(ObjectReader& reader) {
  if (reader.integer("leafWeight", 0, 1000).value_or(0) != 0) {
    refuse(reader.path_of("leafWeight"), "cgroup v2 has no such weight");
  }
}

std::optional<std::uint64_t> weight_of(ObjectReader& reader) {
  std::int64_t weight = reader.integer("weight", 0, 1000).value_or(0);
  if (weight == 0) return std::nullopt;
  if (weight < 10) refuse(reader.path_of("weight"), "expected a number from 10 to 1000");
  return unsigned_of(weight);
}

void parse_block_devices(ObjectReader block, Resources& result) {
  if (auto weight = weight_of(block)) {
    result.io_bfq_weight = weight;
    result.io_weight = io_weight_of_blkio(*weight);
  }
  refuse_leaf(block);
  for (ObjectReader& reader : block.objects("weightDevice")) {
    BlockDeviceLimit& device = device_in(result.block_devices, reader);
    refuse_leaf(reader);
    if (auto weight = weight_of(reader)) {
      device.bfq_weight = weight;
      device.weight = io_weight_of_blkio(*weight);
    }
    reader.done();
  }
  auto rates = [&](const char* name, std::optional<std::uint64_t> BlockDeviceLimit::* member) {
    for (ObjectReader& reader : block.objects(name)) {
      BlockDeviceLimit& device = device_in(result.block_devices, reader);
      std::int64_t rate = reader.integer("rate", 0, INT64_MAX).value_or(0);
      device.*member = rate == 0 ? kUnlimited : unsigned_of(rate);  // v1 takes a limit away by 0
      reader.done();
    }
  };
  rates("throttleReadBpsDevice", &BlockDeviceLimit::read_bytes_per_second);
  rates("throttleWriteBpsDevice", &BlockDeviceLimit::write_bytes_per_second);
  rates("throttleReadIOPSDevice", &BlockDeviceLimit::reads_per_second);
  rates("throttleWriteIOPSDevice", &BlockDeviceLimit::writes_per_second);
  block.done();
}

void parse_huge_pages(ObjectReader& resources, Resources& result) {
  for (ObjectReader& reader : resources.objects("hugepageLimits")) {
    std::string size = reader.text("pageSize");
    bool good = size.size() >= 3 && size.front() >= '1' && size.front() <= '9' && size.ends_with('B') &&
                std::string_view("KMG").find(size[size.size() - 2]) != std::string_view::npos &&
                size.find_first_not_of("0123456789") == size.size() - 2;
    if (!good) refuse(reader.path_of("pageSize"), "expected a size as 64KB, 2MB or 1GB");
    result.huge_pages[size] = unsigned_of(reader.integer("limit", -1, INT64_MAX).value_or(0));
    reader.done();
  }
}

// A name that goes into a line of a knob, or is one.
bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

void parse_rdma(ObjectReader& resources, Resources& result) {
  const base::Json* rdma = resources.member("rdma");
  if (rdma == nullptr) return;
  ObjectReader all = resources.object("rdma");
  for (const auto& [name, value] : rdma->items()) {
    if (!is_plain_name(name)) refuse(resources.path_of("rdma"), "'" + name + "' is no device's name");
    ObjectReader device = all.object(name);
    std::string text;
    for (const auto& [member, knob] : {std::pair{"hcaHandles", "hca_handle="}, {"hcaObjects", "hca_object="}}) {
      auto number = device.integer(member, 0, kMostDevice);
      if (number) text += (text.empty() ? "" : " ") + std::string(knob) + std::to_string(*number);
    }
    if (text.empty()) refuse(all.path_of(name), "expected hcaHandles or hcaObjects");
    result.rdma[name] = text;
    device.done();
  }
}

void parse_unified(ObjectReader& resources, Resources& result) {
  const base::Json* unified = resources.member("unified");
  if (unified == nullptr) return;
  ObjectReader all = resources.object("unified");
  for (const auto& [name, value] : unified->items()) {
    std::size_t dot = name.find('.');
    bool knob = is_plain_name(name) && dot != std::string::npos && dot > 0 && dot + 1 < name.size();
    // The group's own knobs move processes and stop them: they are this runtime's.
    if (!knob || (name.starts_with("cgroup.") && !name.starts_with("cgroup.max."))) {
      refuse(all.path_of(name), "not a limit of cgroup v2, as memory.high");
    }
    result.unified[name] = all.text(name);
  }
}

DeviceRule rule_of(ObjectReader& reader) {
  DeviceRule rule{.allow = reader.boolean("allow"), .read = false, .write = false, .make = false};
  std::string type = reader.text("type", "a");
  if (type == "u") type = "c";  // unbuffered: the same thing
  if (type.empty()) type = "a";
  if (type != "a" && type != "b" && type != "c") refuse(reader.path_of("type"), "expected a, b, c or u");
  rule.type = type.front();
  auto number = [&](const char* name) -> std::optional<std::uint32_t> {
    std::int64_t value = reader.integer(name, -1, kMostDevice).value_or(-1);
    if (value < 0) return std::nullopt;
    return static_cast<std::uint32_t>(value);
  };
  rule.number = {.major = number("major"), .minor = number("minor")};
  std::string access = reader.text("access", "rwm");
  if (access.empty()) access = "rwm";
  for (char letter : access) {
    if (letter != 'r' && letter != 'w' && letter != 'm') refuse(reader.path_of("access"), "expected some of rwm");
    rule.read |= letter == 'r';
    rule.write |= letter == 'w';
    rule.make |= letter == 'm';
  }
  reader.done();
  return rule;
}

}  // namespace

std::uint64_t cpu_weight_of_shares(std::uint64_t shares) {
  // The kernel brings v1's shares into this range itself.
  double exponent = std::log2(static_cast<double>(std::clamp<std::uint64_t>(shares, 2, 262144)));
  double weight = std::pow(10.0, (exponent * exponent + 125 * exponent) / 612.0 - 7.0 / 34.0);
  return static_cast<std::uint64_t>(std::clamp(std::ceil(weight), 1.0, 10000.0));
}

std::uint64_t io_weight_of_blkio(std::uint64_t weight) {
  return 1 + (std::clamp<std::uint64_t>(weight, 10, 1000) - 10) * 9999 / 990;
}

std::optional<std::uint64_t> swap_alone(std::int64_t memory, std::int64_t both, const std::string& where) {
  if (both == 0) {
    // No limit of the memory is none of the sum.
    if (memory < 0) return kUnlimited;
    return std::nullopt;
  }
  if (both < 0) return kUnlimited;
  if (memory <= 0) refuse(where, "needs a memory limit: it is memory and swap together");
  if (both < memory) refuse(where, "below the memory limit: it is memory and swap together");
  return static_cast<std::uint64_t>(both - memory);
}

Resources parse_resources(ObjectReader resources) {
  Resources result;
  parse_memory(resources.object("memory"), result);
  parse_cpu(resources.object("cpu"), result);
  ObjectReader pids = resources.object("pids");
  result.pids_max = limit_of(pids, "limit");
  pids.done();
  parse_block_devices(resources.object("blockIO"), result);
  parse_huge_pages(resources, result);
  parse_rdma(resources, result);
  parse_unified(resources, result);
  for (ObjectReader& reader : resources.objects("devices")) {
    if (result.devices.size() == kMostRules) refuse("linux.resources.devices", "at most 1024 rules");
    result.devices.push_back(rule_of(reader));
  }
  resources.must_be_empty("network");
  resources.done();
  return result;
}

}  // namespace runtime
