#include "runtime/oci_stats.h"

#include <array>

#include "runtime/resources.h"

namespace runtime {
namespace {

std::uint64_t number_of(const KeyedNumbers& numbers, const char* key) {
  auto found = numbers.find(key);
  return found == numbers.end() ? 0 : found->second;
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a == kUnlimited || b == kUnlimited ? kUnlimited : a + b;
}

base::Json pressure_json(const CgroupStats& stats, const char* name) {
  base::Json json = base::Json::object();
  auto found = stats.pressure.find(name);
  if (found == stats.pressure.end()) return json;
  for (const auto& [key, line] : {std::pair{"some", &found->second.some}, {"full", &found->second.full}}) {
    if (!*line) continue;
    json[key] = {{"avg10", (*line)->average_10},
                 {"avg60", (*line)->average_60},
                 {"avg300", (*line)->average_300},
                 {"total", (*line)->total}};
  }
  return json;
}

base::Json cpu_json(const CgroupStats& stats) {
  constexpr std::uint64_t kNanoseconds = 1000;  // of a microsecond
  auto time = [&](const char* key) { return number_of(stats.cpu, key) * kNanoseconds; };
  base::Json json = {
      {"usage", {{"total", time("usage_usec")}, {"kernel", time("system_usec")}, {"user", time("user_usec")}}},
      {"throttling",
       {{"periods", number_of(stats.cpu, "nr_periods")},
        {"throttledPeriods", number_of(stats.cpu, "nr_throttled")},
        {"throttledTime", time("throttled_usec")}}}};
  base::Json pressure = pressure_json(stats, "cpu");
  if (!pressure.empty()) json["psi"] = pressure;
  return json;
}

base::Json memory_json(const CgroupStats& stats) {
  std::uint64_t usage = stats.memory.value_or(0), limit = stats.memory_max.value_or(0);
  base::Json raw = base::Json::object();
  for (const auto& [key, number] : stats.memory_stat) raw[key] = number;
  base::Json json = {
      {"cache", number_of(stats.memory_stat, "file")},
      {"usage",
       {{"limit", limit},
        {"usage", usage},
        {"max", stats.memory_peak.value_or(0)},
        {"failcnt", number_of(stats.memory_events, "max")}}},
      {"swap",
       {{"limit", sum(limit, stats.swap_max.value_or(0))}, {"usage", usage + stats.swap.value_or(0)}, {"failcnt", 0}}},
      {"kernel", {{"failcnt", 0}}},
      {"kernelTCP", {{"failcnt", 0}}},
      {"raw", raw}};
  base::Json pressure = pressure_json(stats, "memory");
  if (!pressure.empty()) json["psi"] = pressure;
  return json;
}

base::Json io_json(const CgroupStats& stats) {
  struct Kind {
    const char* key;
    const char* list;
    const char* operation;
  };
  constexpr std::array kKinds = {
      Kind{"rbytes", "ioServiceBytesRecursive", "Read"}, Kind{"wbytes", "ioServiceBytesRecursive", "Write"},
      Kind{"rios", "ioServicedRecursive", "Read"}, Kind{"wios", "ioServicedRecursive", "Write"}};
  base::Json json = base::Json::object();
  for (const BlockDeviceUse& device : stats.io) {
    for (const Kind& kind : kKinds) {
      json[kind.list].push_back({{"major", device.major},
                                 {"minor", device.minor},
                                 {"op", kind.operation},
                                 {"value", number_of(device.numbers, kind.key)}});
    }
  }
  base::Json pressure = pressure_json(stats, "io");
  if (!pressure.empty()) json["psi"] = pressure;
  return json;
}

}  // namespace

base::Json oci_stats(const CgroupStats& stats) {
  base::Json huge_pages = base::Json::object();
  for (const auto& [size, pages] : stats.huge_pages) {
    huge_pages[size] = {
        {"usage", pages.usage.value_or(0)}, {"max", pages.maximum.value_or(0)}, {"failcnt", pages.failures}};
  }
  std::uint64_t most = stats.pids_max.value_or(0);
  return {{"cpu", cpu_json(stats)},
          {"cpuset", base::Json::object()},
          {"memory", memory_json(stats)},
          {"pids", {{"current", stats.pids.value_or(0)}, {"limit", most == kUnlimited ? 0 : most}}},
          {"blkio", io_json(stats)},
          {"hugetlb", huge_pages},
          {"intel_rdt", base::Json::object()},
          {"network_interfaces", nullptr}};
}

}  // namespace runtime
