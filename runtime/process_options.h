#pragma once
// The options about a process that `run`, `create` and `exec` have in common: its variables, its user, where it starts.

#include <optional>
#include <string>
#include <vector>

#include "base/applet.h"

namespace runtime {

inline constexpr std::size_t kMaxWordsFile = 1024 * 1024;  // bytes of a file of variables or labels

// --env, --env-file, --user and --workdir.
std::vector<base::Option> process_options();

// "NAME=value" each: those of the files, then those of the command line. Throws base::UsageError, and base::Error for a
// file that cannot be read.
std::vector<std::string> environment_of(const base::Invocation& invocation);

// Nothing when the option was not given.
std::optional<std::string> user_of(const base::Invocation& invocation);
// The same; throws base::UsageError for a path that is not absolute.
std::optional<std::string> working_directory_of(const base::Invocation& invocation);

}  // namespace runtime
