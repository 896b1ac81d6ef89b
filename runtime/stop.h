#pragma once
// Ending containers: `container stop`, `kill`, `rm`, `wait`, and what they have in common with others.

#include <vector>

#include "base/applet.h"
#include "runtime/lifecycle.h"

namespace runtime {

std::vector<base::Command> stop_commands();

base::Option stop_time_option();
// --time, or what the container was made with.
std::uint64_t stop_seconds(const base::Invocation& invocation, const ContainerState& state);

// Sends the stop signal, and KILL after `seconds`; returns when the end is written down. No error when it does not run.
// Its restart policy does not start it again. Throws base::Error when its processes do not end.
void stop_container(const Machine& machine, const ContainerState& state, std::uint64_t seconds);

}  // namespace runtime
