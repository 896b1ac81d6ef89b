#pragma once
// `create`, `start` and `run` of oci-runtime.

#include <vector>

#include "base/applet.h"
#include "runtime/state.h"

namespace runtime {

StateStore store_of(const base::Invocation& invocation);

std::vector<base::Option> create_options();
std::vector<base::Option> run_options_of_oci();

int create_command(const base::Invocation& invocation);
int start_command(const base::Invocation& invocation);
int run_command_of_oci(const base::Invocation& invocation);

// The value of an option that names a file, absolute; "" when it was not given.
std::string absolute_path(const base::Invocation& invocation, std::string_view option);

}  // namespace runtime
