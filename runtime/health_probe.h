#pragma once
// One health check: run, judged, written down.

#include <optional>
#include <string>

#include "runtime/health.h"
#include "runtime/lifecycle.h"

namespace runtime {

// The check that the container was made with. Throws base::Error when its files are gone.
HealthCheck health_check_of(const StateStore& store, const std::string& id);

// A start begins with nothing known. For a container without a check, nothing is.
void reset_health(const StateStore& store, const std::string& id, const HealthCheck& check);

// Nothing for a container without a check, or one that was never started.
std::optional<Health> load_health(const StateStore& store, const std::string& id);

// Runs the check in the running container `state` under the user, capabilities and filter of its application, in a
// cgroup of its own that is ended with it, and writes the result down. `became_unhealthy` tells whether this one made
// it so. Nothing when the container is paused: no check, no result. Throws base::Error when it does not run.
std::optional<Health> probe(const Machine& machine, const ContainerState& state, const HealthCheck& check,
                            bool& became_unhealthy);

}  // namespace runtime
