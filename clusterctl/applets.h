#pragma once
// The applets of this room, for the front door.

#include <span>

#include "base/applet.h"

namespace clusterctl {

std::span<const base::Applet> applets();

}  // namespace clusterctl
