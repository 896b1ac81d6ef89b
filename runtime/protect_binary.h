#pragma once
// A process in a container that gets hold of /proc/PID/exe while that is this program (the container's first process
// before its execve(2), one that `exec` makes, or a script whose interpreter is /proc/self/exe) must not be able to
// write to our file (CVE-2019-5736). docs/decisions/0014-protecting-the-binary.md says which ways there are and what
// they cost.

#include <sys/stat.h>

#include <span>
#include <string>

#include "runtime/spec.h"

namespace runtime {

// Runs this program from a read-only mount of its file from now on: it executes itself again, once, from the start.
// Nothing to do when the file cannot be written anyway, because its file system is read-only or it has fs-verity.
// To be called before anything is done that must not be done twice. Throws base::Error.
void protect_binary();

// The same for a container that is to be made, and for one that runs (its first process), unless its user namespace
// puts the file beyond its reach.
void protect_binary_from(const ContainerSpec& spec);
void protect_binary_from(int pid);
// And for any container of `container`: all of them have ids from the ranges of id_range.h and no others.
void protect_binary_from_ranges();

// True when nobody in a user namespace with these users may write to the file: its owner is none of them, so that not
// even root there has a capability over it (capable_wrt_inode_uidgid() in the kernel), and neither group nor others may
// write (which also is the upper bound of what an access control list can allow).
bool is_beyond_reach(const struct stat& file, std::span<const IdMapping> users);

// The lines of /proc/PID/uid_map.
std::vector<IdMapping> id_map_from_text(std::string_view text);

}  // namespace runtime
