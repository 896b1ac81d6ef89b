#pragma once
// When and where a process runs: scheduler (sched_setattr(2)), I/O priority (ioprio_set(2)), processors
// (sched_setaffinity(2)), memory nodes (set_mempolicy(2)), execution domain (personality(2)). All throw base::Error.

#include <sched.h>

#include <string>

#include "runtime/spec.h"

namespace runtime {

// process.scheduler and process.io_priority, on `pid` (0: the calling thread). A real-time policy needs CAP_SYS_NICE on
// the machine, so for a new container this is the parent's to do.
void apply_scheduling(const Process& process, int pid);

// "0-3,7" (cpuset(7) "List format"). Throws for anything else, and for processors above 1023.
cpu_set_t parse_processors(const std::string& list);
// The calling thread; nothing for "".
void run_on_processors(const std::string& list);

// process.memory_policy, on the calling thread. Nodes are those of the machine that its cgroup may use.
void apply_memory_policy(const Process& process);

void apply_personality(const Process& process);

}  // namespace runtime
