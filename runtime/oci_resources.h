#pragma once
// config.json's "linux.resources" (runtime-spec config-linux.md "Control groups"), converted to cgroup v2 as crun does
// (crun(1), CGROUP V2).

#include <cstdint>

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// Fills spec.resources. Throws base::Error for a member that is wrong or that this runtime does not act on.
void parse_resources(ObjectReader resources, ContainerSpec& spec);

// cgroup v1 cpu.shares (2..262144) as cpu.weight (1..10000), so that 1024 is 100 (crun(1), CGROUP V2).
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);

}  // namespace runtime
