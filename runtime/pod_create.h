#pragma once
// The words of `container pod create`.

#include <vector>

#include "base/applet.h"
#include "runtime/pod_store.h"

namespace runtime {

std::vector<base::Option> pod_create_options();

// What they say; no id yet. Throws base::UsageError, and base::Error for a parameter of the kernel that is not a pod's.
Pod pod_of(const base::Invocation& invocation);

}  // namespace runtime
