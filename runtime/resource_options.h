#pragma once
// The options of `container` that limit what a container may use, under Docker's names; for `run` and `update`.

#include <string>
#include <string_view>
#include <vector>

#include "base/applet.h"
#include "runtime/resources.h"

namespace runtime {

std::vector<base::Option> resource_options();

// What they say, over `resources`. Reads the numbers of the devices that are named. Throws base::UsageError for a word
// that is wrong, base::Error for a device that is not there.
void add_resource_options(const base::Invocation& invocation, Resources& resources);

// memory.high for this memory.max: a 32nd below it, so that an application which nears its limit is slowed down and
// made to give caches back before it is ended. kUnlimited for kUnlimited.
std::uint64_t memory_high_below(std::uint64_t memory_max);

// "2MB=64m". Throws base::UsageError.
struct HugePageLimit {
  std::string size;  // as in the names of cgroup's files: "2MB", "1GB"
  std::uint64_t bytes = 0;
};
HugePageLimit parse_huge_pages(std::string_view text);

// "/dev/sda:1mb": the path and the rate. Throws base::UsageError about `option`.
struct DeviceRate {
  std::string path;
  std::uint64_t rate = 0;  // bytes or operations a second, at least 1
};
DeviceRate parse_device_rate(std::string_view option, std::string_view text, bool bytes);

}  // namespace runtime
