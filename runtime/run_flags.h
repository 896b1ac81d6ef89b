#pragma once
// The options that describe a container, of `run` and `create`.

#include <vector>

#include "base/applet.h"
#include "runtime/run_request.h"

namespace runtime {

std::vector<base::Option> request_options();

// What they say, with the command line after the image. Throws base::UsageError, and base::Error for a file that cannot
// be read.
RunRequest request_of(const base::Invocation& invocation);

}  // namespace runtime
