#pragma once
// `container healthcheck run`, and `unit-health`, which a timer of systemd executes.

#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Command> health_commands();

}  // namespace runtime
