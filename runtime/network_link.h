#pragma once
// The container's side of its network, done by the container's first process in its own namespace.

#include "runtime/spec.h"

namespace runtime {

inline constexpr const char* kContainerInterface = "eth0";

// Brings "lo" up; when there is an address, gives it to eth0 (which the parent made), and sets the default route.
void configure_inside(const NetworkInterface& network);

}  // namespace runtime
