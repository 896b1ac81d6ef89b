#pragma once
// Where the cgroup of an `oci-runtime` container is, by linux.cgroupsPath and by who makes it: we in the mounted
// hierarchy (cgroupfs), or systemd (--systemd-cgroup).

#include "runtime/launch.h"
#include "runtime/oci_config.h"

namespace runtime {

// Throws base::Error about config.json. Without cgroup v2 on this machine the plan is kNone.
CgroupPlan plan_oci_cgroup(const OciContainer& container, bool by_systemd);

// Kills what is left in it, and removes it with its scope. False when processes are still there after `milliseconds`.
bool remove_oci_cgroup(const std::string& path, int milliseconds);

}  // namespace runtime
