#pragma once
// The applets of this room, for the front door.

#include <span>

#include "base/applet.h"

namespace updater {

std::span<const base::Applet> applets();

}  // namespace updater
