#pragma once
// A container that manages cgroups of its own, as a systemd inside does (runtime-spec config-linux.md "Cgroup
// ownership", cgroup-v2.rst "Delegation").

#include "runtime/cgroup.h"
#include "runtime/spec.h"

namespace runtime {

// Gives the container's cgroup to root inside, if that can be of use and no harm: it has user and cgroup namespaces of
// its own and mounts cgroups writable. Only the files that the kernel names for it (/sys/kernel/cgroup/delegate) and
// the directory; the limits' own files stay the host's. Throws base::Error.
void delegate_cgroup(const ContainerSpec& spec, const Cgroup& cgroup);

}  // namespace runtime
