#pragma once
// The mounts of a config.json (runtime-spec config.md "Mounts").

#include <string>

#include "runtime/oci_reader.h"
#include "runtime/spec.h"

namespace runtime {

// One element of "mounts". `container`: its user namespace, which id maps may be relative to. Throws base::Error.
Mount parse_oci_mount(ObjectReader& reader, const std::string& bundle, const ContainerSpec& container);

// uidMappings, gidMappings.
std::vector<IdMapping> parse_id_mappings(ObjectReader& reader, const char* name);

}  // namespace runtime
