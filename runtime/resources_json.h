#pragma once
// Resources to and from JSON, each member as the field is called (memory_max: "memoryMax"); what is not limited is not
// there. For spec.json; the members of config.json are others (oci_resources.h).

#include "base/json.h"
#include "runtime/resources.h"

namespace runtime {

base::Json to_json(const Resources& resources);
// Throws Json::exception for a member of another type.
Resources resources_from_json(const base::Json& json);

}  // namespace runtime
