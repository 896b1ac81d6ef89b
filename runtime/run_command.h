#pragma once
// `container run`, `create`, `start`, `restart`: from words to a container that runs.

#include <vector>

#include "base/applet.h"
#include "runtime/lifecycle.h"

namespace runtime {

std::vector<base::Command> run_commands();

// Starts a container that does not run, in the background. Throws StartError or base::Error; the failure is written
// down.
void start_container(const Machine& machine, const ContainerState& state);

}  // namespace runtime
