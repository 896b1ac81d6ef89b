#pragma once
// The commands of `container` about what a container uses and may use: stats, top, pause, unpause, update.

#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Command> container_resources_commands();

}  // namespace runtime
