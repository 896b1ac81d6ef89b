#include "runtime/device_option.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/id_range.h"

namespace runtime {
namespace {

bool is_access(const std::string& text) {
  return !text.empty() && text.size() <= 3 && text.find_first_not_of("rwm") == std::string::npos &&
         std::ranges::count(text, 'r') <= 1 && std::ranges::count(text, 'w') <= 1 && std::ranges::count(text, 'm') <= 1;
}

bool is_path(const std::string& text) {
  return text.starts_with('/') && text.find_first_not_of('/') != std::string::npos;
}

// The host's permissions, and root of the container as the owner. A group keeps its number, as with Docker.
void make_node(const base::Fd& directory, const std::string& name, const struct stat& device, std::uint32_t first_id,
               const std::string& what) {
  base::check(mknodat(directory.get(), name.c_str(), (device.st_mode & S_IFMT) | 0600, device.st_rdev), "make a node",
              what);
  std::uint32_t group = device.st_gid < kIdsPerContainer ? first_id + device.st_gid : first_id;
  base::check(fchownat(directory.get(), name.c_str(), first_id, group, AT_SYMLINK_NOFOLLOW), "chown", what);
  base::check(fchmodat(directory.get(), name.c_str(), (device.st_mode & 0666) | 0600, 0), "chmod", what);
}

}  // namespace

DeviceWord parse_device(std::string_view text) {
  std::vector<std::string> parts = base::split(text, ':');
  DeviceWord device{.source = parts[0], .destination = parts[0]};
  std::string access = "rwm";
  bool good = parts.size() <= 3 && is_path(parts[0]);
  if (good && parts.size() == 3) {
    device.destination = parts[1];
    access = parts[2];
  } else if (good && parts.size() == 2) {
    (is_access(parts[1]) ? access : device.destination) = parts[1];
  }
  if (!good || !is_path(device.destination) || !is_access(access)) {
    throw base::UsageError("--device '" + std::string(text) +
                           "': expected /HOST/DEVICE[:/CONTAINER/PATH][:rwm], as /dev/fuse:rw");
  }
  device.read = access.contains('r');
  device.write = access.contains('w');
  device.make = access.contains('m');
  return device;
}

std::vector<Mount> make_device_nodes(const std::vector<DeviceWord>& devices, const std::string& directory,
                                     std::uint32_t first_id, std::vector<DeviceRule>& rules) {
  if (devices.empty()) return {};
  base::make_directories(directory, 0700);
  base::Fd nodes = base::open_directory(directory);
  for (const std::string& name : base::list_directory_at(nodes)) base::remove_file_at(nodes, name);
  std::vector<Mount> mounts;
  for (const DeviceWord& device : devices) {
    struct stat status = {};
    base::check(stat(device.source.c_str(), &status), "use device", device.source);
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
      throw base::Error("use device", device.source, "it is no device");
    }
    std::string name = std::to_string(mounts.size());
    make_node(nodes, name, status, first_id, device.source);
    mounts.push_back({.destination = device.destination,
                      .type = "bind",
                      .source = directory + "/" + name,
                      .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                      .cleared = MOUNT_ATTR_NODEV});
    rules.push_back({.allow = true,
                     .type = S_ISCHR(status.st_mode) ? 'c' : 'b',
                     .number = {.major = major(status.st_rdev), .minor = minor(status.st_rdev)},
                     .read = device.read,
                     .write = device.write,
                     .make = device.make});
  }
  return mounts;
}

bool needs_filter(const std::vector<DeviceWord>& devices) {
  return std::ranges::any_of(devices, [](const DeviceWord& device) { return !device.read || !device.write; });
}

}  // namespace runtime
