// Nothing is looked up by path inside the container's root but with openat2(RESOLVE_IN_ROOT), for the image may hold
// any symbolic link. Trees and devices of the host are opened while the host's root is still there; a fresh proc and
// sysfs may be mounted in a user namespace only while the host's are visible (mount_too_revealing() in fs/namespace.c).

#include "runtime/container_root.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/copy_up.h"
#include "runtime/devices.h"

namespace runtime {
namespace {

// A directory that every Linux has and that everybody may enter: the container's root is mounted over it for the
// moment before pivot_root(2), in this process' own mount namespace.
constexpr const char* kStagingPoint = "/run";

bool is_directory(const base::Fd& fd) {
  struct stat status = {};
  base::check(fstat(fd.get(), &status), "stat");
  return S_ISDIR(status.st_mode);
}

// Kernel file systems never follow a link of the image, nor does what takes their places; a volume may (/var/run is a
// link in many images).
Links links_for(const Mount& mount) {
  constexpr std::array<std::string_view, 5> kKernel = {"proc", "sysfs", "devpts", "mqueue", "cgroup"};
  constexpr std::array<std::string_view, 3> kPlaces = {"/proc", "/sys", "/dev"};
  bool kernel = std::ranges::find(kKernel, mount.type) != kKernel.end() ||
                std::ranges::find(kPlaces, mount.destination) != kPlaces.end();
  return kernel ? Links::kRefuse : Links::kFollow;
}

base::Fd clone_of_host(const std::string& path, const Mount& mount) {
  base::Fd tree = clone_tree(path, true);
  change_attributes(tree, mount.attributes, mount.cleared, true, path);
  change_propagation(tree, MS_PRIVATE | MS_REC, path);
  return tree;
}

bool has_device(const std::string& type) {
  constexpr std::array<std::string_view, 6> kWithout = {"proc", "sysfs", "devpts", "mqueue", "cgroup2", "tmpfs"};
  return std::ranges::find(kWithout, type) == kWithout.end();
}

bool read_only_later(const Mount& mount) {
  if (mount.type == "bind") return mount.copy_up && (mount.recursive_attributes & MOUNT_ATTR_RDONLY) != 0;
  return mount.type == "tmpfs" && (mount.attributes & MOUNT_ATTR_RDONLY) != 0;
}

base::Fd make_mount(const ContainerSpec& spec, const Mount& mount) {
  std::string type = mount.type == "cgroup" ? "cgroup2" : mount.type;
  bool own_cgroups = spec.namespaces.cgroup || !spec.namespaces.cgroup_path.empty();
  // A mount from the host's own cgroup namespace would set the options of the host's (cgroup_get_tree() in
  // kernel/cgroup/cgroup.c).
  if (type == "cgroup2" && !own_cgroups) return clone_of_host(cgroup_mount(), mount);
  std::vector<MountParameter> parameters = mount.parameters;
  if (!mount.source.empty()) parameters.emplace_back("source", mount.source);
  // A file system with a device is to leave that alone, too.
  if (has_device(type) && (mount.attributes & MOUNT_ATTR_RDONLY)) parameters.emplace_back("ro", "");
  if (!spec.mount_label.empty() && (type == "tmpfs" || type == "devpts" || type == "mqueue")) {
    parameters.emplace_back("context", spec.mount_label);
  }
  try {
    std::uint64_t later = read_only_later(mount) ? MOUNT_ATTR_RDONLY : 0;
    return new_filesystem(type, parameters, mount.attributes & ~later);
  } catch (const base::Error&) {
    // A network namespace that belongs to another user namespace: its sysfs is not ours to mount.
    if (type != "sysfs" || !in_user_namespace(spec) || spec.namespaces.network) throw;
    return clone_of_host("/sys", mount);
  }
}

// "copy-symlink": the same link once more.
void make_link(const base::Fd& root, const Mount& mount, const std::string& text) {
  std::string path = mount.destination;
  while (path.ends_with('/')) path.pop_back();
  std::size_t slash = path.rfind('/');
  base::Fd parent = make_below(root, path.substr(0, slash), true, Links::kFollow);
  std::string name = path.substr(slash + 1);
  if (symlinkat(text.c_str(), parent.get(), name.c_str()) == 0) return;
  std::string there(text.size() + 1, '\0');
  bool same = errno == EEXIST &&
              readlinkat(parent.get(), name.c_str(), there.data(), there.size()) == static_cast<ssize_t>(text.size());
  if (!same || !there.starts_with(text)) base::throw_errno("link in the container", mount.destination);
}

base::Fd target_of(const base::Fd& root, const Mount& mount, bool directory) {
  if (!mount.follow_destination) {
    base::Fd found = find_below(root, mount.destination, O_PATH | O_NOFOLLOW, Links::kFollow);
    if (found) return found;
  }
  return make_below(root, mount.destination, directory, links_for(mount));
}

void change_mount(const base::Fd& root, const Mount& mount) {
  base::Fd target = find_below(root, mount.destination, O_PATH, links_for(mount));
  if (!target) throw base::Error("remount", mount.destination, "it is not there");
  change_attributes(target, mount.attributes, mount.cleared, false, mount.destination);
  if (mount.recursive_attributes != 0 || mount.recursive_cleared != 0) {
    change_attributes(target, mount.recursive_attributes, mount.recursive_cleared, true, mount.destination);
  }
  if (mount.propagation != 0) change_propagation(target, mount.propagation, mount.destination);
}

void mount_one(const ContainerSpec& spec, const base::Fd& root, const Mount& mount, Channel& channel) {
  if (mount.remount) return change_mount(root, mount);
  base::Fd tree;
  if (mount.type == "bind") {
    Message message = channel.expect(kTree);
    if (!message.fd) return make_link(root, mount, message.text);
    tree = std::move(message.fd);
  } else {
    tree = make_mount(spec, mount);
    if (mount.propagation != 0) change_propagation(tree, mount.propagation, mount.destination);
  }
  base::Fd target = target_of(root, mount, is_directory(tree));
  if (mount.copy_up) copy_tree(target, tree, mount.destination);
  attach(tree, target, mount.destination);
}

}  // namespace

base::Fd attach_root(const ContainerSpec& spec, const base::Fd& tree) {
  const std::string place = spec.hooks.before_pivot() ? spec.root.directory : kStagingPoint;
  attach(tree, base::open_file(place, O_PATH | O_DIRECTORY), place);
  return base::open_file(place, O_PATH | O_DIRECTORY);
}

void mount_all(const ContainerSpec& spec, const base::Fd& root, Channel& channel) {
  for (const Mount& mount : spec.mounts) mount_one(spec, root, mount, channel);
}

void make_filesystems_read_only(const ContainerSpec& spec, const base::Fd& root) {
  for (const Mount& mount : spec.mounts) {
    if (!read_only_later(mount)) continue;
    base::Fd place = find_below(root, mount.destination, O_PATH | O_DIRECTORY, links_for(mount));
    if (!place) throw base::Error("make read-only", mount.destination, "it vanished");
    change_attributes(place, MOUNT_ATTR_RDONLY, 0, false, mount.destination);
  }
}

void mask_paths(const ContainerSpec& spec, const base::Fd& root) {
  if (spec.masked_paths.empty()) return;
  base::Fd null = host_device("null");
  base::Fd empty = new_filesystem("tmpfs", {{"mode", "555"}, {"size", "4k"}, {"nr_inodes", "1"}},
                                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  bool empty_used = false;
  for (const std::string& path : spec.masked_paths) {
    base::Fd target = find_below(root, path, O_PATH, Links::kFollow);
    if (!target) continue;
    if (!is_directory(target)) {
      // Read-only: the device takes what is written all the same, but nobody changes the host's owner and mode of it.
      base::Fd mask = clone_tree_at(null, false);
      change_attributes(mask, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, false, path);
      attach(mask, target, path);
      continue;
    }
    if (!empty_used) {
      attach(empty, target, path);
      empty = find_below(root, path, O_PATH, Links::kFollow);
      empty_used = true;
    } else {
      attach(clone_tree_at(empty, false), target, path);
    }
  }
}

void make_paths_read_only(const ContainerSpec& spec, const base::Fd& root) {
  for (const std::string& path : spec.read_only_paths) {
    base::Fd target = find_below(root, path, O_PATH, Links::kFollow);
    if (!target) continue;
    base::Fd tree = clone_tree_at(target, true);
    change_attributes(tree, MOUNT_ATTR_RDONLY, 0, true, path);
    attach(tree, target, path);
  }
}

void enter_root(const ContainerSpec& spec, const base::Fd& root) {
  base::check(fchdir(root.get()), "enter the container's root");
  base::check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  // The old root is mounted on top of the new one now: take it away.
  base::check(umount2(".", MNT_DETACH), "detach the host's root");
  base::check(chdir("/"), "enter the container's root");
  if (!spec.root.read_only && spec.root_propagation == 0) return;
  base::Fd here = base::open_file("/", O_PATH | O_DIRECTORY);
  if (spec.root.read_only) change_attributes(here, MOUNT_ATTR_RDONLY, 0, false, "/");
  if (spec.root_propagation != 0) change_propagation(here, spec.root_propagation, "/");
}

void make_working_directory(const ContainerSpec& spec) {
  base::Fd root = base::open_file("/", O_PATH | O_DIRECTORY);
  if (find_below(root, spec.process.working_directory, O_PATH, Links::kFollow)) return;
  make_below(root, spec.process.working_directory, true, Links::kFollow);
}

}  // namespace runtime
