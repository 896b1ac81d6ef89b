#pragma once
// Points in time on the command line: --since and --until of `container logs` and `container events`.

#include <chrono>
#include <optional>
#include <string_view>

#include "base/applet.h"

namespace runtime {

// "2026-01-02T15:04:05Z", "10m" (ago), or seconds since 1970; nothing when it is not given. Throws base::UsageError.
std::optional<std::chrono::system_clock::time_point> time_option(const base::Invocation& invocation,
                                                                 std::string_view name);

}  // namespace runtime
