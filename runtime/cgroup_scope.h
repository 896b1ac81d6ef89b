#pragma once
// A cgroup that systemd makes and keeps: a scope of its own, delegated to us (systemd.scope(5), and "Control Group
// APIs and Delegation" of systemd's documentation).

#include <string>

#include "runtime/cgroup.h"

namespace runtime {

// True when systemd is this machine's init (sd_booted(3)).
bool systemd_is_running();

// Moves `pid` into a new scope container-<id>.scope and there into a cgroup of its own, and returns that.
Cgroup create_in_scope(const std::string& id, const std::string& description, int pid);

}  // namespace runtime
