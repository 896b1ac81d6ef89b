#pragma once
// Kernel parameters of a container (runtime-spec config-linux.md "Sysctl"): those that belong to one of its own
// namespaces. All others belong to the machine, and some run programs as its root (kernel.core_pattern,
// CVE-2022-0811), so it is a list of what is allowed.

#include <string>
#include <string_view>

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

// "net.ipv4.conf.eth0/1.forwarding" or "net/ipv4/conf/eth0.1/forwarding", whichever separator comes first, as a path:
// "net/ipv4/conf/eth0.1/forwarding". "" for a name that is no path (empty parts, "..").
std::string sysctl_path(std::string_view name);

// Throws base::Error for the first of spec.sysctls that is not the container's to set. Pure.
void check_sysctls(const ContainerSpec& spec);

// Throws base::Error when a namespace that is joined by path, and that a parameter belongs to, is the machine's own.
void check_joined_for_sysctls(const ContainerSpec& spec);

// In the container's namespaces, through open_proc()'s descriptor. Throws base::Error.
void apply_sysctls(const ContainerSpec& spec, const base::Fd& proc);

}  // namespace runtime
