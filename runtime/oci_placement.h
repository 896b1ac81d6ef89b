#pragma once
// config.json's "linux" about where memory, caches and network devices come from (runtime-spec config-linux.md:
// memoryPolicy, intelRdt, netDevices).

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// Throws base::Error for a member that is wrong.
void parse_placement(ObjectReader& linux_part, ContainerSpec& spec);

// What memoryPolicy may say, for `features`.
std::vector<std::string> memory_policy_modes();
std::vector<std::string> memory_policy_flags();

}  // namespace runtime
