#pragma once
// Which devices the processes of a cgroup may open and make: a BPF_PROG_TYPE_CGROUP_DEVICE program (bpf(2)), asked by
// the kernel for each open(2) and mknod(2) of a device.
//
// The meaning of a list of rules (runtime-spec config-linux.md "Allowed Device list"): each access that is asked for
// (read, write, make) is decided by the last rule that speaks of it and of this device; one that no rule speaks of is
// denied. Asked for several at once, all must be allowed.

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/resources.h"

namespace runtime {

// The program. Pure.
std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules);

// What every container may have, whatever its rules are, as with runc and crun: null, zero, full, random, urandom,
// tty, console, ptmx and pseudo-terminals, tun; and nodes of any device may be made (opening them is another matter).
std::vector<DeviceRule> standard_device_rules();

// The program of `rules` and then the standard ones, loaded. None when this kernel, or where we run, does not let us
// (EPERM, or no such program type).
base::Fd load_device_filter(const std::vector<DeviceRule>& rules);

// Makes a loaded program the filter of the cgroup, in place of an earlier one.
void attach_device_filter(const base::Fd& cgroup, const base::Fd& program);

// For when there is no filter and no file system of the container has devices ("nodev"): only the standard devices,
// bound into /dev, can be reached. Throws for a rule that needs more than that. `may_mount`: the container could make
// file systems with devices (CAP_SYS_ADMIN without a user namespace), so that no rule can be kept.
void require_rules_hold_without_filter(const std::vector<DeviceRule>& rules, bool may_mount);

}  // namespace runtime
