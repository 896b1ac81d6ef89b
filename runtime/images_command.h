#pragma once
// The commands about images of the `container` applet: fetch, images, rmi.

#include <span>
#include <string>
#include <vector>

#include "base/applet.h"
#include "runtime/image_store.h"

namespace runtime {

// For the applet's table. They read the applet's global option "root".
std::span<const base::Command> image_commands();

// The options that fetch_for() reads: --insecure-registry, --authfile, --ca-file, --quiet. A command that fetches
// missing images (run) appends them to its own.
std::vector<base::Option> registry_options();

// Fetches with the options of `invocation`, progress on standard error. Throws Error.
Image fetch_for(const base::Invocation& invocation, const std::string& reference);

}  // namespace runtime
