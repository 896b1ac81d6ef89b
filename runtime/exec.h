#pragma once
// A further process in a running container: in all of its namespaces and its cgroup, under its capabilities and
// filter.

#include "runtime/state.h"

namespace runtime {

// Runs `process` with our standard files and returns its exit code (125, 126, 127 as for run). Signals that we get are
// passed on. `process.seccomp` must be filled. Throws StartError or base::Error.
int exec_in_container(const ContainerState& state, const Process& process);

}  // namespace runtime
