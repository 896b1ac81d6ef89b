#pragma once
// process.scheduler, process.ioPriority and process.execCPUAffinity of a configuration (runtime-spec config.md "Linux
// Process").

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// Throws base::Error about a member that is wrong or unknown.
void parse_scheduling(ObjectReader& process, Process& result);

}  // namespace runtime
