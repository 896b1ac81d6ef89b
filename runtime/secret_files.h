#pragma once
// The outside's part in secrets: the file system below /run/secrets.

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

inline constexpr const char* kSecretsPlace = "/run/secrets";

// A detached, read-only tmpfs with spec.secrets, which is not swapped out where the kernel knows that (6.4). Throws
// base::Error when one is not there.
base::Fd make_secret_files(const ContainerSpec& spec);

}  // namespace runtime
