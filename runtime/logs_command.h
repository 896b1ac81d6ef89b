#pragma once
// `container logs`.

#include <functional>

#include "base/applet.h"
#include "runtime/log_file.h"
#include "runtime/state.h"

namespace runtime {

// Prints what the container has written, wherever that is kept; with query.follow until `ended` says so.
void show_log(const StateStore& store, const ContainerState& state, const LogQuery& query, bool times,
              const std::function<bool()>& ended);

base::Command logs_command();

}  // namespace runtime
