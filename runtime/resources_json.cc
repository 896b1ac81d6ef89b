#include "runtime/resources_json.h"

#include <string>

namespace runtime {
namespace {

using base::Json;

// One place that names every member, for both directions: `visit(name, field)`.
template <typename Visitor, typename Limits>
void visit_members(Limits& limits, const Visitor& visit) {
  visit("memoryMax", limits.memory_max);
  visit("memoryHigh", limits.memory_high);
  visit("memoryLow", limits.memory_low);
  visit("memorySwapMax", limits.memory_swap_max);
  visit("cpuQuota", limits.cpu_quota);
  visit("cpuPeriod", limits.cpu_period);
  visit("cpuBurst", limits.cpu_burst);
  visit("cpuWeight", limits.cpu_weight);
  visit("cpuIdle", limits.cpu_idle);
  visit("cpusetCpus", limits.cpuset_cpus);
  visit("cpusetMems", limits.cpuset_mems);
  visit("pidsMax", limits.pids_max);
  visit("ioWeight", limits.io_weight);
  visit("ioBfqWeight", limits.io_bfq_weight);
  visit("hugePages", limits.huge_pages);
  visit("unified", limits.unified);
}

template <typename Visitor, typename Device>
void visit_device(Device& device, const Visitor& visit) {
  visit("weight", device.weight);
  visit("bfqWeight", device.bfq_weight);
  visit("readBytesPerSecond", device.read_bytes_per_second);
  visit("writeBytesPerSecond", device.write_bytes_per_second);
  visit("readsPerSecond", device.reads_per_second);
  visit("writesPerSecond", device.writes_per_second);
}

// Writes what is set.
struct Writer {
  Json& json;
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) const {
    if (value) json[name] = *value;
  }
  void operator()(const char* name, const std::string& value) const {
    if (!value.empty()) json[name] = value;
  }
  template <typename T>
  void operator()(const char* name, const std::map<std::string, T>& value) const {
    if (!value.empty()) json[name] = value;
  }
};

struct Reader {
  const Json& json;
  template <typename T>
  void operator()(const char* name, T& value) const {
    if (auto found = json.find(name); found != json.end()) assign(*found, value);
  }
  template <typename T>
  static void assign(const Json& from, std::optional<T>& value) {
    value = from.get<T>();
  }
  template <typename T>
  static void assign(const Json& from, T& value) {
    value = from.get<T>();
  }
};

}  // namespace

Json to_json(const Resources& resources) {
  Json json = Json::object();
  visit_members(resources, Writer{json});
  for (const BlockDeviceLimit& device : resources.block_devices) {
    Json entry = {{"major", device.major}, {"minor", device.minor}};
    visit_device(device, Writer{entry});
    json["blockDevices"].push_back(entry);
  }
  return json;
}

Resources resources_from_json(const Json& json) {
  Resources resources;
  visit_members(resources, Reader{json});
  for (const Json& entry : json.value("blockDevices", Json::array())) {
    BlockDeviceLimit device{.major = entry.at("major").get<std::uint32_t>(),
                            .minor = entry.at("minor").get<std::uint32_t>()};
    visit_device(device, Reader{entry});
    resources.block_devices.push_back(device);
  }
  return resources;
}

}  // namespace runtime
