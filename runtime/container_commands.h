#pragma once
// The commands about containers of the `container` applet: run, ps, logs, stop, kill, exec, rm, inspect.

#include <span>
#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Command> container_commands();

// The options that stand for all commands: where things are.
std::vector<base::Option> container_options();

}  // namespace runtime
