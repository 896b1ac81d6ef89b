#pragma once
// `container attach`, and what the other commands that stay with a container have of it.

#include <string>

#include "base/applet.h"
#include "runtime/attach_client.h"
#include "runtime/lifecycle.h"

namespace runtime {

base::Option detach_keys_option();

// Stays with the container over the request's connection and returns the exit code for our caller: the container's, or
// 0 after the detach keys. Throws StartError or base::Error. REQUIRES: hold_signals().
int stay_with(const Machine& machine, const ContainerState& state, AttachRequest request, const std::string& program);

base::Command attach_command();

}  // namespace runtime
