#pragma once
// Commands that show containers, and `rename`: ps, inspect, port.

#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Command> list_commands();

}  // namespace runtime
