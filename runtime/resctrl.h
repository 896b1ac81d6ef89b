#pragma once
// Shares of caches and memory bandwidth: Intel's Resource Director Technology by the kernel's resctrl file system
// (Documentation/filesystems/resctrl.rst; runtime-spec config-linux.md "IntelRdt"). A directory is a class of service,
// with the lines of its shares in `schemata` and its processes in `tasks`; below it, `mon_groups` counts apart.

#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec.h"

namespace runtime {

// A directory that a container's processes are in.
struct ResctrlGroup {
  std::string directory;
  bool made = false;  // by us: it goes with the container
};

// Where resctrl is mounted. Throws base::Error when it is not.
std::string resctrl_mount();
std::string resctrl_mount_in(std::string_view mountinfo);  // "": not

// Makes or checks the container's class below `mount`. Throws base::Error; nothing of ours is left then.
std::vector<ResctrlGroup> make_resctrl_groups(const std::string& mount, const std::string& id, const IntelRdt& wanted);

// Throws base::Error.
void join_resctrl(const std::vector<ResctrlGroup>& groups, int pid);
void remove_resctrl(const std::vector<ResctrlGroup>& groups);  // what we made; no error when it is gone

// Whether each share that `wanted` ("L3:0=7f0;1=1f") names is the one in `schemata`, the text of a file. Shares are
// compared as numbers: hexadecimal ones of caches, decimal ones of bandwidth.
bool resctrl_has_schema(std::string_view schemata, std::string_view wanted);

}  // namespace runtime
