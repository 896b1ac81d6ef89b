#pragma once
// Where this program's file is, for units that execute it later.

#include <string>

namespace runtime {

// Absolute path, also after an upgrade has replaced the file and after protect_binary(). Throws base::Error.
std::string own_program();

// To be called before protect_binary(), after which the kernel has no path for what runs.
void remember_own_program();

}  // namespace runtime
