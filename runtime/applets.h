#pragma once
// The applets of this room, for the front door; in two tables, since only the one that was called is made.

#include <span>

#include "base/applet.h"

namespace runtime {

std::span<const base::Applet> container_applets();
std::span<const base::Applet> oci_applets();

}  // namespace runtime
