#pragma once
// System call filters: the default one, which is made when this program is compiled, and those of a config.json, which
// are compiled before the container's process is made, to the BPF program that the kernel takes (seccomp(2)).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
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

// Who answers the calls that a filter with SCMP_ACT_NOTIFY reports (seccomp_unotify(2)).
struct SeccompListener {
  std::string path = {};  // a unix socket; "" for none: nothing is reported
  std::string metadata = {};
};

// What a process gets.
struct SeccompFilter {
  BpfProgram program = {};        // empty: no filter
  std::uint64_t flags = 0;        // SECCOMP_FILTER_FLAG_*
  SeccompListener listener = {};  // see seccomp_listener.h
};

// runtime-spec's linux.seccomp (config-linux.md), read and checked.
struct SeccompProfile {
  struct Group {
    std::vector<std::string> names;
    std::uint32_t action = 0;
    std::vector<std::vector<ArgumentCondition>> alternatives;  // any may hold; none: whatever the arguments are
  };
  std::uint32_t default_action = 0;          // SECCOMP_RET_*, equal to libseccomp's SCMP_ACT_*
  std::vector<std::uint32_t> architectures;  // libseccomp's tokens, beside this machine's own
  std::uint64_t flags = 0;                   // SECCOMP_FILTER_FLAG_*
  SeccompListener listener;
  std::vector<Group> groups;
};

// The names of the actions and of the flags that a profile may use; of the latter those that this kernel has.
std::vector<std::string> seccomp_action_names();
std::vector<std::string> seccomp_flag_names();
std::vector<std::string> seccomp_flag_names_of_kernel();

// What is not supported is an Error which names it.
SeccompProfile parse_seccomp(const base::Json& seccomp);

// The program for a profile of the shape that everybody has: a list of calls above an errno as the default, for this
// machine's architecture and its 32-bit one. Nothing for others. Names that an architecture does not have are skipped,
// as the specification's users expect.
std::optional<BpfProgram> compile_directly(const SeccompProfile& profile);
// The same for any profile, by libseccomp.
BpfProgram compile_with_library(const SeccompProfile& profile);

// parse_seccomp() and the first of these two that can. Throws base::Error.
SeccompFilter compile_seccomp(const base::Json& seccomp);

// Puts the filter on the calling thread. Needs no_new_privs or CAP_SYS_ADMIN. Returns the descriptor to be given to the
// listener, if it has one. Throws base::Error.
base::Fd install_seccomp(const SeccompFilter& filter);

// As a file, for processes that join later.
std::string seccomp_to_bytes(const BpfProgram& program);
BpfProgram seccomp_from_bytes(std::string_view bytes);

}  // namespace runtime
