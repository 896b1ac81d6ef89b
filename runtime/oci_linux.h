#pragma once
// config.json's "linux" but for its resources (runtime-spec config-linux.md).

#include "runtime/oci_config.h"
#include "runtime/oci_reader.h"

namespace runtime {

// Throws base::Error for a member that is wrong or that this runtime does not act on.
void parse_linux(ObjectReader linux_part, OciContainer& result);

}  // namespace runtime
