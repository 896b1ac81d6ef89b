#pragma once
// System call filters: the default one, which is made when this program is compiled, and those of a config.json, which
// are compiled before the container's process is made, to the BPF program that the kernel takes (seccomp(2)).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/capabilities.h"
#include "runtime/seccomp_program.h"

namespace runtime {

// The default of `container run` for a process with this bounding set: what is not in the table fails with EPERM, and
// a call that this build does not know the number of with ENOSYS, as on an older kernel. Programs of another
// architecture (32 bits) are killed.
BpfProgram default_seccomp_filter(Capabilities bounding);

// The highest system call number that this build knows. Numbers grow by one for all architectures since 424.
std::uint32_t highest_known_call();

// runtime-spec's linux.seccomp (config-linux.md), read and checked.
struct SeccompProfile {
  struct Group {
    std::vector<std::string> names;
    std::uint32_t action = 0;
    std::vector<std::vector<ArgumentCondition>> alternatives;  // any may hold; none: whatever the arguments are
  };
  std::uint32_t default_action = 0;          // SECCOMP_RET_*, equal to libseccomp's SCMP_ACT_*
  std::vector<std::uint32_t> architectures;  // libseccomp's tokens, beside this machine's own
  bool log = false;
  std::vector<Group> groups;
};

// What is not supported is an Error which names it.
SeccompProfile parse_seccomp(const base::Json& seccomp);

// The program for a profile of the shape that everybody has: a list of calls above an errno as the default, for this
// machine's architecture and its 32-bit one. Nothing for others. Names that an architecture does not have are skipped,
// as the specification's users expect.
std::optional<BpfProgram> compile_directly(const SeccompProfile& profile);
// The same for any profile, by libseccomp.
BpfProgram compile_with_library(const SeccompProfile& profile);

// parse_seccomp() and the first of these two that can. Throws base::Error.
BpfProgram compile_seccomp(const base::Json& seccomp);

// Puts the filter on the calling thread. Needs no_new_privs or CAP_SYS_ADMIN. Throws base::Error.
void install_seccomp(const BpfProgram& program);

// As a file, for processes that join later.
std::string seccomp_to_bytes(const BpfProgram& program);
BpfProgram seccomp_from_bytes(std::string_view bytes);

}  // namespace runtime
