#include "runtime/devices.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "runtime/mount_api.h"

namespace runtime {
namespace {

struct StandardDevice {
  const char* name;
  std::uint32_t major;
  std::uint32_t minor;
};

// Documentation/admin-guide/devices.txt of the kernel.
constexpr std::array<StandardDevice, 6> kDevices = {
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};

bool has_own_devices(const ContainerSpec& spec) {
  return std::ranges::any_of(spec.mounts,
                             [](const Mount& m) { return m.destination == "/dev" && m.type == "tmpfs" && !m.remount; });
}

bool is_configured(const ContainerSpec& spec, const std::string& path) {
  return std::ranges::any_of(spec.devices, [&](const DeviceNode& d) { return d.path == path; });
}

// A file to mount a node on: never one of the image's, never through a link of it.
base::Fd make_place(const base::Fd& root, const std::string& path) {
  std::size_t slash = path.rfind('/');
  base::Fd parent = make_below(root, path.substr(0, slash), true, Links::kRefuse);
  std::string name = path.substr(slash + 1);
  base::Fd file(openat(parent.get(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file && errno != EEXIST) base::throw_errno("create in the container", path);
  base::Fd target = find_below(root, path, O_PATH, Links::kRefuse);
  if (!target) throw base::Error("create in the container", path, "it vanished");
  return target;
}

void make_links(const base::Fd& directory) {
  constexpr std::array<std::pair<const char*, const char*>, 5> kLinks = {{{"pts/ptmx", "ptmx"},
                                                                          {"/proc/self/fd", "fd"},
                                                                          {"/proc/self/fd/0", "stdin"},
                                                                          {"/proc/self/fd/1", "stdout"},
                                                                          {"/proc/self/fd/2", "stderr"}}};
  for (const auto& [value, name] : kLinks) {
    if (symlinkat(value, directory.get(), name) < 0 && errno != EEXIST) base::throw_errno("link", name);
  }
}

mode_t kind_of(const DeviceNode& device) {
  return device.type == 'p' ? S_IFIFO : (device.type == 'b' ? S_IFBLK : S_IFCHR);
}

// Where mknod(2) is not allowed: the machine's own node of that name, if it is the device that is meant.
base::Fd host_node(const DeviceNode& device) {
  base::Fd node = base::open_file(device.path, O_PATH | O_NOFOLLOW);
  struct stat status = {};
  base::check(fstat(node.get(), &status), "stat", device.path);
  if ((status.st_mode & S_IFMT) != kind_of(device) || status.st_rdev != makedev(device.major, device.minor)) {
    throw base::Error("use device", device.path, "this machine has another one there");
  }
  return clone_tree_at(node, false);
}

void create_node(const base::Fd& directory, const std::string& name, const DeviceNode& device) {
  base::check(mknodat(directory.get(), name.c_str(), kind_of(device) | 0600, makedev(device.major, device.minor)),
              "make a node", device.path);
  base::check(fchownat(directory.get(), name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW), "chown",
              device.path);
  base::check(fchmodat(directory.get(), name.c_str(), device.mode, 0), "chmod", device.path);
}

// Makes the node where it belongs; false when it has to be bound there: the place is not on the container's own /dev,
// its file system has "nodev", or something is there.
bool create_in_place(const ContainerSpec& spec, const base::Fd& root, const DeviceNode& device) {
  if (!has_own_devices(spec) || !device.path.starts_with("/dev/")) return false;
  std::size_t slash = device.path.rfind('/');
  base::Fd parent = make_below(root, device.path.substr(0, slash), true, Links::kRefuse);
  struct statvfs file_system = {};
  base::check(fstatvfs(parent.get(), &file_system), "stat", device.path);
  std::string name = device.path.substr(slash + 1);
  if ((file_system.f_flag & ST_NODEV) != 0) return false;
  if (faccessat(parent.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return false;
  create_node(parent, name, device);
  return true;
}

// The nodes are made on a file system without "nodev" and bound to their places. It is attached for the while, over
// the root that our descriptor leads below: a tree that was never attached cannot be cloned before Linux 6.15.
void bind_nodes(const base::Fd& root, const std::vector<DeviceNode>& devices) {
  base::Fd nodes = new_filesystem("tmpfs", {{"mode", "700"}, {"size", "64k"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  attach(nodes, root, "the devices");
  std::vector<base::Fd> trees;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    std::string name = std::to_string(i);
    create_node(nodes, name, devices[i]);
    trees.push_back(clone_tree_at(base::open_at(nodes, name, O_PATH | O_NOFOLLOW), false));
  }
  detach(nodes, "the devices");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    attach(trees[i], make_place(root, devices[i].path), devices[i].path);
  }
}

void make_fifo(const base::Fd& root, const DeviceNode& device) {
  std::size_t slash = device.path.rfind('/');
  base::Fd parent = make_below(root, device.path.substr(0, slash), true, Links::kRefuse);
  std::string name = device.path.substr(slash + 1);
  base::check(mknodat(parent.get(), name.c_str(), S_IFIFO | 0600, 0), "make a pipe", device.path);
  base::check(fchownat(parent.get(), name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW), "chown", device.path);
  base::check(fchmodat(parent.get(), name.c_str(), device.mode, 0), "chmod", device.path);
}

// The standard devices that linux.devices does not describe.
std::vector<DeviceNode> standard_devices(const ContainerSpec& spec) {
  std::vector<DeviceNode> devices;
  for (const StandardDevice& device : kDevices) {
    std::string path = std::string("/dev/") + device.name;
    if (is_configured(spec, path)) continue;
    devices.push_back({.path = path, .type = 'c', .major = device.major, .minor = device.minor, .mode = 0666});
  }
  return devices;
}

// Root of the container is root of the machine, and could change the machine's own nodes: it gets its own.
void make_own_devices(const ContainerSpec& spec, const base::Fd& root, const std::vector<DeviceNode>& devices) {
  std::vector<DeviceNode> to_bind;
  for (const DeviceNode& device : devices) {
    if (device.type == 'p') {
      make_fifo(root, device);
    } else if (!create_in_place(spec, root, device)) {
      to_bind.push_back(device);
    }
  }
  if (!to_bind.empty()) bind_nodes(root, to_bind);
}

// In a user namespace the machine's own: its root is nobody there, so that the container cannot change them.
void bind_host_devices(const base::Fd& root, const std::vector<DeviceNode>& devices) {
  for (const DeviceNode& device : devices) {
    if (device.type == 'p') {
      make_fifo(root, device);
    } else {
      attach(host_node(device), make_place(root, device.path), device.path);
    }
  }
}

}  // namespace

base::Fd host_device(const char* name) {
  std::string path = std::string("/dev/") + name;
  base::Fd device = base::open_file(path, O_PATH);
  struct stat status = {};
  base::check(fstat(device.get(), &status), "stat", path);
  if (!S_ISCHR(status.st_mode)) throw base::Error("use device", path, "not a character device");
  if (std::string_view(name) == "null" && status.st_rdev != makedev(1, 3)) {
    throw base::Error("use device", path, "not the null device");
  }
  return device;
}

void make_devices(const ContainerSpec& spec, const base::Fd& root) {
  bool own = has_own_devices(spec);
  std::vector<DeviceNode> devices = own ? standard_devices(spec) : std::vector<DeviceNode>{};
  devices.insert(devices.end(), spec.devices.begin(), spec.devices.end());
  if (devices.empty()) return;
  if (in_user_namespace(spec)) {
    bind_host_devices(root, devices);
  } else {
    make_own_devices(spec, root, devices);
  }
  if (own) make_links(find_below(root, "/dev", O_PATH | O_DIRECTORY, Links::kRefuse));
}

}  // namespace runtime
