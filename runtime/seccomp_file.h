#pragma once
// Profiles as Docker and podman keep them in files (`--security-opt seccomp=FILE`): runtime-spec's linux.seccomp, with
// conditions on the container, the kernel and the machine, which are decided here. Pure.

#include <string>

#include "base/json.h"
#include "runtime/capabilities.h"

namespace runtime {

// What the conditions ask for.
struct SeccompPlace {
  Capabilities bounding = 0;
  std::string architecture;        // "SCMP_ARCH_X86_64"
  std::string short_architecture;  // Go's name: "amd64"
  unsigned kernel = 0, minor = 0;  // 6, 12
};
SeccompPlace seccomp_place(Capabilities bounding);  // of this machine

// linux.seccomp for that place: archMap, includes and excludes are decided, comments dropped. Everything else is as it
// was, so that parse_seccomp() refuses what it does not know. Throws base::Error.
base::Json seccomp_of_file(const base::Json& file, const SeccompPlace& place);

}  // namespace runtime
