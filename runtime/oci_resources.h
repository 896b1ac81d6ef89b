#pragma once
// config.json's "linux.resources" (runtime-spec config-linux.md "Control groups"), converted to cgroup v2 as crun does
// (crun(1), CGROUP V2). Pure.

#include <cstdint>

#include "runtime/oci_reader.h"
#include "runtime/resources.h"

namespace runtime {

// Throws base::Error for a member that is wrong or that cgroup v2 has no word for. A limit of -1 is "max"; 0 says
// nothing where the specification's v1 numbers had no 0 (memory, pids, shares, quota, period).
Resources parse_resources(ObjectReader resources);

// cgroup v1 cpu.shares (2..262144) as cpu.weight (1..10000), so that 1024 is 100 (crun(1), CGROUP V2).
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);

// blkio.weight (10..1000) as io.weight (1..10000).
std::uint64_t io_weight_of_blkio(std::uint64_t weight);

// Memory and swap together, as v1 counts them, to swap alone; -1 is no limit, 0 is not given. Throws base::Error about
// `where` when the sum is below the memory's limit, or when there is no such limit.
std::optional<std::uint64_t> swap_alone(std::int64_t memory, std::int64_t both, const std::string& where);

}  // namespace runtime
