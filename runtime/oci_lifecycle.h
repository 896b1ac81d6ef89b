#pragma once
// The life of a container of `oci-runtime`: created from a bundle, started, ended, deleted. Nobody looks after it in
// between; its process tells how far it is. All throw base::Error or StartError.

#include <string>
#include <string_view>

#include "runtime/launch.h"
#include "runtime/state.h"

namespace runtime {

Status status_of(const ContainerState& state);
std::string_view oci_status(const ContainerState& state);  // "creating", "created", "running", "paused", "stopped"
ContainerState load(const StateStore& store, const std::string& id);

// Sets everything up; the program waits until start_container(). `bundle` is absolute; `pid_file` may be "". Nothing
// is left when it throws.
Launched create_container(StateStore& store, const std::string& id, const std::string& bundle,
                          const std::string& pid_file, ContainerState& state);
void start_container(StateStore& store, ContainerState& state);

// Ends what still runs in its cgroup, and forgets it.
void delete_container(StateStore& store, const ContainerState& state);

}  // namespace runtime
