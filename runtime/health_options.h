#pragma once
// The options of `container run` and `create` about health checks, under Docker's and podman's names.

#include <vector>

#include "base/applet.h"
#include "runtime/health.h"

namespace runtime {

std::vector<base::Option> health_options();

// Throws base::UsageError.
HealthSetting health_setting_of(const base::Invocation& invocation);

}  // namespace runtime
