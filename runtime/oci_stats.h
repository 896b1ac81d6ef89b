#pragma once
// runc's form of a container's statistics (`events`), for programs that read it. Pure.

#include "base/json.h"
#include "runtime/cgroup_stats.h"

namespace runtime {

// {"cpu": …, "memory": …, "pids": …, "blkio": …, "hugetlb": …, …}: times in nanoseconds, sizes in bytes, swap as v1
// counts it (memory and swap together), "max" as 2^64-1 (pids: 0).
base::Json oci_stats(const CgroupStats& stats);

}  // namespace runtime
