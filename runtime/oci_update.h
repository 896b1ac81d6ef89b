#pragma once
// `oci-runtime update`: new limits of a running container, from a file in the form of config.json's "linux.resources"
// and from runc's options, which go over the file. Pure.

#include <string_view>

#include "base/applet.h"
#include "base/json.h"

namespace runtime {

std::vector<base::Option> update_options();

// "linux.resources" of these options over `file`. Throws base::UsageError for a value that is wrong.
base::Json resources_of_options(const base::Invocation& invocation, base::Json file);

// A sum of memory and swap without the memory's limit gets the present one ("max" or bytes, of memory.max), since
// cgroup v2 limits swap alone.
void complete_swap(base::Json& resources, std::string_view memory_max);

}  // namespace runtime
