#pragma once
// Writing to /proc for a container. What the container's own tree shows as /proc may be anything (CVE-2019-16884,
// CVE-2025-52881): settings and labels that are to protect would go to a file of the image. So all such writes go
// through a procfs that only the runtime can see.

#include <string>
#include <string_view>

#include "base/fd.h"

namespace runtime {

// A procfs of our own, in no mount namespace. Where the kernel does not allow one (a pid namespace that belongs to
// another user namespace) the machine's, so to be called while that is in sight. Throws base::Error.
base::Fd open_proc();

// One write(2) to `path` below `proc` ("sys/net/ipv4/ip_forward", "thread-self/attr/exec"). Throws base::Error, with
// `what` as its operation.
void write_proc(const base::Fd& proc, const std::string& path, std::string_view value, const std::string& what);

}  // namespace runtime
