#include "runtime/scheduling.h"

#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace runtime {

void apply_scheduling(const Process& process, int pid) {
  if (process.scheduler) {
    const Scheduler& wanted = *process.scheduler;
    sched_attr attributes = {};
    attributes.size = sizeof attributes;
    attributes.sched_policy = static_cast<std::uint32_t>(wanted.policy);
    attributes.sched_flags = wanted.flags;
    attributes.sched_nice = wanted.nice;
    attributes.sched_priority = wanted.priority;
    attributes.sched_runtime = wanted.runtime;
    attributes.sched_deadline = wanted.deadline;
    attributes.sched_period = wanted.period;
    base::check(syscall(SYS_sched_setattr, pid, &attributes, 0), "set the scheduler");
  }
  if (process.io_priority) {
    base::check(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, *process.io_priority), "set the I/O priority");
  }
}

cpu_set_t parse_processors(const std::string& list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::string& range : base::split(list, ',')) {
    std::vector<std::string> ends = base::split(std::string(base::trim(range)), '-');
    std::optional<std::uint64_t> first = base::parse_unsigned(ends.front());
    std::optional<std::uint64_t> last = base::parse_unsigned(ends.back());
    if (ends.size() > 2 || !first || !last || *first > *last || *last >= CPU_SETSIZE) {
      throw base::Error("processors", list, "expected a list of numbers and ranges from 0 to 1023");
    }
    for (std::uint64_t number = *first; number <= *last; number++) CPU_SET(number, &set);
  }
  return set;
}

void run_on_processors(const std::string& list) {
  if (list.empty()) return;
  cpu_set_t set = parse_processors(list);
  base::check(sched_setaffinity(0, sizeof set, &set), "run on processors", list);
}

void apply_memory_policy(const Process& process) {
  if (!process.memory_policy) return;
  const MemoryPolicy& policy = *process.memory_policy;
  // A set of processors is the same as one of nodes: a word for every 64, the lowest first.
  cpu_set_t nodes;
  CPU_ZERO(&nodes);
  if (!policy.nodes.empty()) nodes = parse_processors(policy.nodes);
  // (The kernel takes one bit less than it is told of.)
  const auto* mask = policy.nodes.empty() ? nullptr : &nodes;
  base::check(syscall(SYS_set_mempolicy, policy.mode, mask, mask == nullptr ? 0 : CPU_SETSIZE + 1),
              "set the memory policy for nodes", policy.nodes);
}

void apply_personality(const Process& process) {
  if (process.personality) base::check(personality(*process.personality), "set the execution domain");
}

}  // namespace runtime
