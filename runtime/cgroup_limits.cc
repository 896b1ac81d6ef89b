#include "runtime/cgroup_limits.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup.h"

namespace runtime {
namespace {

constexpr std::uint64_t kCpuPeriod = 100000;  // microseconds; the kernel's default

class Writes {
 public:
  void number(const char* controller, const char* knob, std::optional<std::uint64_t> value) {
    if (value) list.push_back({controller, knob, knob_number(*value)});
  }
  void text(const char* controller, const std::string& knob, const std::string& value) {
    if (!value.empty()) list.push_back({controller, knob, value});
  }
  std::vector<KnobWrite> list;
};

std::string cpu_max_of(const Resources& resources, std::string_view present) {
  std::vector<std::string> words = base::split_words(present);
  std::string quota = words.empty() ? "max" : words[0];
  std::string period = words.size() < 2 ? std::to_string(kCpuPeriod) : words[1];
  if (resources.cpu_quota) quota = knob_number(*resources.cpu_quota);
  if (resources.cpu_period) period = std::to_string(*resources.cpu_period);
  return quota + " " + period;
}

void add_memory(const Resources& resources, Writes& writes) {
  writes.number("memory", "memory.low", resources.memory_low);
  writes.number("memory", "memory.high", resources.memory_high);
  // A limit that leaves no swap comes first, and one that is below what is in use last: the kernel reclaims then.
  if (resources.memory_swap_max) {
    writes.list.push_back({.controller = "memory",
                           .knob = "memory.swap.max",
                           .value = knob_number(*resources.memory_swap_max),
                           .only_if_there = true});
  }
  writes.number("memory", "memory.max", resources.memory_max);
  // One process that is killed alone leaves an application that is neither alive nor dead.
  if (resources.memory_max) writes.text("memory", "memory.oom.group", "1");
}

void add_cpu(const Resources& resources, std::string_view present, Writes& writes) {
  writes.number("cpu", "cpu.weight", resources.cpu_weight);
  if (resources.cpu_idle) writes.text("cpu", "cpu.idle", *resources.cpu_idle ? "1" : "0");
  if (resources.cpu_quota || resources.cpu_period) writes.text("cpu", "cpu.max", cpu_max_of(resources, present));
  writes.number("cpu", "cpu.max.burst", resources.cpu_burst);
  writes.text("cpuset", "cpuset.cpus", resources.cpuset_cpus);
  writes.text("cpuset", "cpuset.mems", resources.cpuset_mems);
}

void add_weight(const std::string& device, std::optional<std::uint64_t> bfq, std::optional<std::uint64_t> weight,
                Writes& writes) {
  if (!weight) return;
  KnobWrite write{.controller = "io", .knob = "io.weight", .value = device + std::to_string(*weight)};
  if (bfq) {
    write.fallback_knob = write.knob;
    write.fallback_value = write.value;
    write.knob = "io.bfq.weight";
    write.value = device + std::to_string(*bfq);
  }
  writes.list.push_back(write);
}

void add_io(const Resources& resources, Writes& writes) {
  add_weight("", resources.io_bfq_weight, resources.io_weight, writes);
  for (const BlockDeviceLimit& device : resources.block_devices) {
    std::string number = std::to_string(device.major) + ":" + std::to_string(device.minor);
    add_weight(number + " ", device.bfq_weight, device.weight, writes);
    std::string line;
    auto add = [&](const char* key, std::optional<std::uint64_t> value) {
      if (value) line += std::string(" ") + key + "=" + knob_number(*value);
    };
    add("rbps", device.read_bytes_per_second);
    add("wbps", device.write_bytes_per_second);
    add("riops", device.reads_per_second);
    add("wiops", device.writes_per_second);
    if (!line.empty()) writes.text("io", "io.max", number + line);
  }
}

// What the directory has, after those that the writes need were enabled where that can be.
std::vector<std::string> available_controllers(const base::Fd& directory, const std::string& path,
                                               const std::vector<KnobWrite>& writes) {
  auto present = [&] {
    return base::split_words(base::read_file_at_if_exists(directory, "cgroup.controllers").value_or(""));
  };
  std::vector<std::string> controllers = present();
  std::vector<std::string> missing;
  for (const KnobWrite& write : writes) {
    if (write.controller.empty() || std::ranges::find(controllers, write.controller) != controllers.end()) continue;
    if (std::ranges::find(missing, write.controller) == missing.end()) missing.push_back(write.controller);
  }
  if (missing.empty()) return controllers;
  enable_controllers_down_to(path, missing);
  return present();
}

// The kernel keeps burst <= quota at every moment: one that shrinks goes before the quota, one that grows after it.
void shrink_burst(const base::Fd& directory, const Resources& resources) {
  if (!resources.cpu_burst || !base::exists_at(directory, "cpu.max.burst")) return;
  try {
    base::write_knob_at(directory, "cpu.max.burst", std::to_string(*resources.cpu_burst));
  } catch (const base::Error& error) {
    if (error.error_number() != EINVAL) throw;
  }
}

}  // namespace

std::string knob_number(std::uint64_t value) {
  return value == kUnlimited ? "max" : std::to_string(value);
}

std::vector<KnobWrite> knob_writes(const Resources& resources, std::string_view cpu_max) {
  Writes writes;
  add_memory(resources, writes);
  add_cpu(resources, cpu_max, writes);
  writes.number("pids", "pids.max", resources.pids_max);
  add_io(resources, writes);
  for (const auto& [size, bytes] : resources.huge_pages) {
    writes.text("hugetlb", "hugetlb." + size + ".max", knob_number(bytes));
    // What is reserved counts from the mmap on, so that a page fault is not the first to hear of the limit.
    writes.list.push_back({.controller = "hugetlb",
                           .knob = "hugetlb." + size + ".rsvd.max",
                           .value = knob_number(bytes),
                           .only_if_there = true});
  }
  for (const auto& [device, value] : resources.rdma) writes.text("rdma", "rdma.max", device + " " + value);
  for (const auto& [knob, value] : resources.unified) {
    std::string controller = knob.substr(0, knob.find('.'));
    if (controller == "cgroup") controller.clear();  // of no controller: there is always one
    // The kernel takes one device a write.
    for (const std::string& line : base::split(value, '\n')) writes.text(controller.c_str(), knob, line);
  }
  return writes.list;
}

namespace {

// Where the controller is not, nobody is limited, and all have the same weight: what these say is so already. Callers
// give such values without being asked (containerd: 1024 shares).
bool says_the_default(const KnobWrite& write) {
  return (write.knob.ends_with(".max") && write.value == "max") || (write.knob == "cpu.weight" && write.value == "100");
}

}  // namespace

void Cgroup::set_limits(const Resources& resources) const {
  if (!resources.any()) return;
  base::Fd directory = open();
  std::vector<KnobWrite> writes = knob_writes(resources, read("cpu.max").value_or(""));
  std::vector<std::string> controllers = available_controllers(directory, path_, writes);
  if (resources.check_before_update && resources.memory_max) {
    std::uint64_t used = base::parse_unsigned(base::trim(read("memory.current").value_or("0"))).value_or(0);
    if (used > *resources.memory_max) {
      throw base::Error("limit", "memory.max", std::to_string(used) + " bytes are in use already");
    }
  }
  shrink_burst(directory, resources);
  for (const KnobWrite& write : writes) {
    if (!write.controller.empty() && std::ranges::find(controllers, write.controller) == controllers.end()) {
      if (says_the_default(write)) continue;
      throw base::Error("limit", write.knob,
                        "the cgroup v2 controller '" + write.controller + "' is not available in " + path_ +
                            " (there are: " + (controllers.empty() ? "none" : base::join(controllers, " ")) + ")");
    }
    bool there = base::exists_at(directory, write.knob);
    if (!there && write.only_if_there) continue;
    bool fallback = !there && !write.fallback_knob.empty();
    const std::string& knob = fallback ? write.fallback_knob : write.knob;
    if (!base::exists_at(directory, knob)) throw base::Error("limit", knob, "this kernel has no such limit");
    base::write_knob_at(directory, knob, fallback ? write.fallback_value : write.value);
  }
}

}  // namespace runtime
