#pragma once
// `container run --device`: a device of this machine for one container. In a user namespace no node can be made, and
// the machine's own belong to nobody there; so the node is made outside, in the container's data, owned by its root,
// and bound to its place.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resources.h"
#include "runtime/spec.h"

namespace runtime {

struct DeviceWord {
  std::string source;       // absolute, on the host
  std::string destination;  // absolute, in the container
  bool read = true, write = true, make = true;
};

// "/dev/fuse", "/dev/fuse:/dev/other", "/dev/fuse:r", "/dev/fuse:/dev/other:rw". Pure; throws base::UsageError.
DeviceWord parse_device(std::string_view text);

// Looks up what the words name now, makes the nodes new in `directory` and returns their mounts. `rules` get one each;
// in the shape of config.json's. Throws base::Error for what is no device.
std::vector<Mount> make_device_nodes(const std::vector<DeviceWord>& devices, const std::string& directory,
                                     std::uint32_t first_id, std::vector<DeviceRule>& rules);

// True when a filter must enforce what the file's mode cannot: root of the container may open what it owns.
bool needs_filter(const std::vector<DeviceWord>& devices);

}  // namespace runtime
