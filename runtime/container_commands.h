#pragma once
// The commands about containers of the `container` applet, which their own files describe.

#include <span>
#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Command> container_commands();

// The options that stand for all commands: where things are.
std::vector<base::Option> container_options();

}  // namespace runtime
