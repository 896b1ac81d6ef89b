#pragma once
// Capability sets (capabilities(7)) as bit masks, their names, and putting them on.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runtime {

// Bit n is the capability with number n.
using Capabilities = std::uint64_t;

struct CapabilitySets {
  Capabilities bounding = 0;
  Capabilities effective = 0;
  Capabilities permitted = 0;
  Capabilities inheritable = 0;
  Capabilities ambient = 0;
};

// "CAP_CHOWN" (in any case, "CAP_" may be missing); nothing for an unknown name.
std::optional<Capabilities> capability_by_name(std::string_view name);
std::vector<std::string> capability_names(Capabilities set);

// The 14 that Docker's users know, bounding, permitted and effective; inheritable and ambient stay empty, so that a
// user other than root gets none (CVE-2022-29162).
CapabilitySets default_capabilities();

// The permitted ones of this process. Throws base::Error.
Capabilities own_capabilities();

// Takes from the bounding set what is not in it. Needs CAP_SETPCAP. Throws base::Error.
void limit_bounding_set(Capabilities bounding);

// Sets the other four. To be called after the last change of user (with PR_SET_KEEPCAPS before it).
void apply_capabilities(const CapabilitySets& sets);

}  // namespace runtime
