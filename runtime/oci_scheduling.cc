#include "runtime/oci_scheduling.h"

#include <linux/ioprio.h>
#include <linux/sched.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace runtime {
namespace {

template <std::size_t N, typename T>
using Names = std::array<std::pair<std::string_view, T>, N>;

constexpr int kPolicyIso = 4;  // reserved by the kernel, which answers EINVAL
constexpr Names<7, int> kPolicies = {{{"SCHED_OTHER", SCHED_NORMAL},
                                      {"SCHED_FIFO", SCHED_FIFO},
                                      {"SCHED_RR", SCHED_RR},
                                      {"SCHED_BATCH", SCHED_BATCH},
                                      {"SCHED_ISO", kPolicyIso},
                                      {"SCHED_IDLE", SCHED_IDLE},
                                      {"SCHED_DEADLINE", SCHED_DEADLINE}}};
constexpr Names<7, std::uint64_t> kFlags = {{{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
                                             {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
                                             {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
                                             {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
                                             {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
                                             {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
                                             {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}}};
constexpr Names<3, int> kIoClasses = {{{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
                                       {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
                                       {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE}}};

template <std::size_t N, typename T>
T value_of(const Names<N, T>& names, const std::string& name, const std::string& where) {
  const auto* found = std::ranges::find(names, name, &std::pair<std::string_view, T>::first);
  if (found == names.end()) refuse(where, "'" + name + "' is unknown");
  return found->second;
}

std::uint64_t nanoseconds(ObjectReader& reader, const char* name) {
  return static_cast<std::uint64_t>(reader.integer(name, 0, INT64_MAX).value_or(0));
}

void parse_scheduler(ObjectReader reader, Process& result) {
  Scheduler scheduler;
  scheduler.policy = value_of(kPolicies, reader.text("policy"), reader.path_of("policy"));
  scheduler.nice = static_cast<int>(reader.integer("nice", -20, 19).value_or(0));
  scheduler.priority = static_cast<std::uint32_t>(reader.integer("priority", 0, 99).value_or(0));
  for (const std::string& flag : reader.texts("flags")) {
    scheduler.flags |= value_of(kFlags, flag, reader.path_of("flags"));
  }
  scheduler.runtime = nanoseconds(reader, "runtime");
  scheduler.deadline = nanoseconds(reader, "deadline");
  scheduler.period = nanoseconds(reader, "period");
  reader.done();
  result.scheduler = scheduler;
}

void parse_io_priority(ObjectReader reader, Process& result) {
  int io_class = value_of(kIoClasses, reader.text("class"), reader.path_of("class"));
  int level = static_cast<int>(reader.integer("priority", 0, IOPRIO_NR_LEVELS - 1).value_or(0));
  reader.done();
  result.io_priority = io_class << IOPRIO_CLASS_SHIFT | level;
}

// "0-3,7": the form is checked here, which processors there are by the kernel.
std::string processors(ObjectReader& reader, const char* name) {
  std::string list = reader.text(name);
  if (list.find_first_not_of("0123456789-, ") != std::string::npos) {
    refuse(reader.path_of(name), "expected a list of processors as '0-3,7'");
  }
  return list;
}

}  // namespace

void parse_scheduling(ObjectReader& process, Process& result) {
  if (process.member("scheduler") != nullptr) parse_scheduler(process.object("scheduler"), result);
  if (process.member("ioPriority") != nullptr) parse_io_priority(process.object("ioPriority"), result);
  ObjectReader affinity = process.object("execCPUAffinity");
  result.cpus_before = processors(affinity, "initial");
  result.cpus_after = processors(affinity, "final");
  affinity.done();
}

}  // namespace runtime
