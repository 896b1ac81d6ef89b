#pragma once
// A further process in a running container: in all of its namespaces and its cgroup, under its capabilities and
// filter.

#include <string>

#include "runtime/state.h"

namespace runtime {

struct ExecOptions {
  bool detach = false;              // return once it runs
  std::string console_socket = {};  // where the other end of its terminal goes; "": it is our own terminal
  std::string pidfd_socket = {};    // where a pidfd of it goes
  std::string pid_file = {};
  std::string cgroup = {};   // below the container's
  bool also_paused = false;  // in a paused container it waits until that is resumed; false: an Error
};

// Runs `process` with our standard files (or a terminal) and returns its exit code (125, 126, 127 as for run; 0 when
// detached). Signals that we get are passed on. `process.seccomp` must be filled. Throws StartError or base::Error.
int exec_in_container(const ContainerState& state, const Process& process, const ExecOptions& options = {});

}  // namespace runtime
