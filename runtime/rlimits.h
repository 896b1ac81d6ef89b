#pragma once
// Resource limits of processes (setrlimit(2)) and their names.

#include <optional>
#include <string>
#include <string_view>

#include "runtime/spec.h"

namespace runtime {

std::vector<std::string> resource_limit_words();  // "as", "core", …
// "nofile" is RLIMIT_NOFILE.
std::optional<int> resource_limit_by_name(std::string_view name);
// "RLIMIT_NOFILE"; of an unknown one its number.
std::string resource_limit_name(int resource);

// process.limits, on `pid` (0: the caller). Throws base::Error, which names the limit.
void apply_resource_limits(const Process& process, int pid);

}  // namespace runtime
