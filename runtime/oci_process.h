#pragma once
// config.json's "process" (runtime-spec config.md "Process").

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// Throws base::Error for a member that is wrong or that this runtime does not act on.
Process parse_process(ObjectReader process);

}  // namespace runtime
