#pragma once
// The NoCloud volume: a vfat or iso9660 file system with the label "cidata" in any case of letters. Errors: Error.

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace bootstrap {

struct Volume {
  std::string device;  // path of the block device
  std::string type;    // "vfat" or "iso9660"
  std::string label;
};

// Looks at one device (or image file). Nothing when it has no such file system, or cannot be read.
std::optional<Volume> probe_volume(const std::string& device);

// The NoCloud volume of this machine: /dev/disk/by-label first, then every block device in `sys_block`, by name.
std::optional<Volume> find_nocloud_volume(const std::string& sys_block = "/sys/class/block",
                                          const std::string& devices = "/dev");

// Mounts the volume read-only, nosuid, nodev and noexec, attached to no path and seen by nobody else: the mount ends
// with the descriptor.
base::Fd mount_volume(const Volume& volume);

}  // namespace bootstrap
