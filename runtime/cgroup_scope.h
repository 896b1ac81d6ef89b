#pragma once
// A cgroup that systemd makes and keeps: a scope of its own, delegated to us (systemd.scope(5), and "Control Group
// APIs and Delegation" of systemd's documentation). The container's processes are in `container` below it, where the
// limits that systemd has no property for are written: in the scope's own directory systemd may write whenever it
// likes.

#include <string>
#include <string_view>
#include <vector>

#include "base/systemd.h"
#include "runtime/cgroup.h"

namespace runtime {

struct ScopePlan {
  std::string unit;   // "libpod-4f3a.scope"
  std::string slice;  // "machine.slice"
  std::string description = {};
  std::vector<base::UnitProperty> properties = {};  // beside those of the limits
};

// True when systemd is this machine's init (sd_booted(3)).
bool systemd_is_running();

// linux.cgroupsPath in systemd's form "slice:prefix:name": the unit is prefix-name.scope, or name.scope. "" stands for
// a scope of this id in machine.slice, an empty slice for system.slice. Throws base::Error about config.json.
ScopePlan parse_scope_path(std::string_view cgroups_path, const std::string& id);

// Where systemd makes it below the mount: machine-x.slice is in machine.slice.
std::string scope_directory(const ScopePlan& plan);

// Moves `pid` into a new scope and there into a cgroup of its own, and returns that.
Cgroup create_in_scope(base::Systemd& systemd, const ScopePlan& plan, const Resources& resources, int pid);

// The scope that such a cgroup is in: "x.scope" for …/x.scope/container; "" for any other.
std::string scope_of(const Cgroup& cgroup);

// New limits of a running scope.
void update_scope(base::Systemd& systemd, const std::string& unit, const Resources& resources);

// Ends a scope whose processes have ended; one that is gone is fine.
void end_scope(base::Systemd& systemd, const std::string& unit);

}  // namespace runtime
