#pragma once
// From a saved request to a ContainerSpec: the same files give the same container, at every start.

#include "runtime/run_request.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {

// `state` gives id, first_id and namespaces; `provided` are the mounts of the runtime's own files in /etc, which the
// request's may cover. The network's address is added by the caller. Throws base::Error when neither the image nor the
// request names a command.
ContainerSpec make_spec(const SavedRequest& saved, const ContainerState& state, const std::vector<Mount>& provided);

// Says to the log what a request takes from the walls around the container.
void log_openings(const RunRequest& request, const std::string& name);

}  // namespace runtime
