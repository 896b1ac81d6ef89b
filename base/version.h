#pragma once
// The version of ClusterOS, from the top CMakeLists.txt.

#include <string_view>

namespace base {

std::string_view version();  // "0.1.0"

}  // namespace base
