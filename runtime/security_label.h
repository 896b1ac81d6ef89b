#pragma once
// The label that a process gets from the machine's security module when it is executed (AppArmor's profile, SELinux'
// context), and that of its mounts.

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

bool has_label(const Process& process);

// Throws base::Error for a label whose module this machine does not run.
void check_label_support(const ContainerSpec& spec);

// For the calling thread's next execve(2), through open_proc()'s descriptor. Throws base::Error.
void set_label(const Process& process, const base::Fd& proc);

bool apparmor_is_enabled();
bool selinux_is_enabled();

}  // namespace runtime
