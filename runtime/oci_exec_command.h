#pragma once
// `exec` of oci-runtime.

#include <vector>

#include "base/applet.h"

namespace runtime {

std::vector<base::Option> exec_options();
int exec_command(const base::Invocation& invocation);

}  // namespace runtime
