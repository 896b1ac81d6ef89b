#pragma once
// The commands of discoveryctl.

#include "base/applet.h"

namespace discovery {

int run_list(const base::Invocation& invocation);
int run_put(const base::Invocation& invocation);
int run_rm(const base::Invocation& invocation);
int run_status(const base::Invocation& invocation);

}  // namespace discovery
