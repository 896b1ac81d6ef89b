#pragma once
// System call filters: compiled with libseccomp, before the container's process is made, to the BPF program that the
// kernel takes (seccomp(2)).

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/capabilities.h"

namespace runtime {

using BpfProgram = std::vector<sock_filter>;

// The default of `container run` for a process with this bounding set: what is not in the table fails with EPERM, and
// a call that this build does not know the number of with ENOSYS, as on an older kernel. Programs of another
// architecture (32 bits) are killed. Throws base::Error.
BpfProgram default_seccomp_filter(Capabilities bounding);

// runtime-spec's linux.seccomp (config-linux.md). Names that this machine does not have are skipped, as the
// specification's users expect; everything else that is not supported is an Error which names it.
BpfProgram compile_seccomp(const base::Json& seccomp);

// Puts the filter on the calling thread. Needs no_new_privs or CAP_SYS_ADMIN. Throws base::Error.
void install_seccomp(const BpfProgram& program);

// As a file, for processes that join later.
std::string seccomp_to_bytes(const BpfProgram& program);
BpfProgram seccomp_from_bytes(std::string_view bytes);

}  // namespace runtime
