#pragma once
// The mounts of a config.json.

#include <string>
#include <vector>

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// One element of "mounts". Throws base::Error for an option or type that is not supported.
Mount parse_oci_mount(ObjectReader& reader, const std::string& bundle);

// The options in config.json that make these attributes and parameters.
std::vector<std::string> mount_options(const Mount& mount);

}  // namespace runtime
