#pragma once
// `container run`, `create`, `start`, `restart`: from words to a container that runs.

#include <functional>
#include <string>
#include <vector>

#include "base/applet.h"
#include "runtime/lifecycle.h"

namespace runtime {

std::vector<base::Command> run_commands();

// Runs `action` and turns what it throws into the exit codes of `run`.
int reported(const base::Invocation& invocation, const std::function<int()>& action);

// For containers that are about to be started, before the first of them, since this program may begin once more for it.
void protect_from(const StateStore& store, const std::vector<std::string>& names);

// Starts a container that does not run, in the background. Throws StartError or base::Error; the failure is written
// down.
void start_container(const Machine& machine, const ContainerState& state);

}  // namespace runtime
