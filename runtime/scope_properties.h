#pragma once
// Limits as properties of a systemd unit (systemd.resource-control(5)). Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/unit_property.h"
#include "runtime/resources.h"

namespace runtime {

// What systemd has a property for; the rest is written into the container's own cgroup below the unit's, and so are all
// of these once more.
std::vector<base::UnitProperty> limit_properties(const Resources& resources);

// "org.systemd.property.NAME": VALUE annotations as properties, as with runc and crun: VALUE in GVariant's text form
// (true, 'text', 5, uint64 5, …); NAME… that ends in "Sec" is taken in seconds and given as "USec". Throws base::Error.
std::vector<base::UnitProperty> annotation_properties(const base::Json& annotations);

// "0-3,7": bit n of the n / 8th byte for each. Throws base::Error.
base::UnitProperty::Bytes bit_mask_of(std::string_view list);

}  // namespace runtime
