// Nothing is looked up by path inside the container's root but with openat2(RESOLVE_IN_ROOT), for the image may hold
// any symbolic link. Trees and devices of the host are opened while the host's root is still there; a fresh proc and
// sysfs may be mounted in a user namespace only while the host's are visible (mount_too_revealing() in fs/namespace.c).

#include "runtime/container_root.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
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

// Kernel file systems never follow a link of the image; a volume may (/var/run is one in many images).
Links links_for(const Mount& mount) {
  bool kernel = mount.type == "proc" || mount.type == "sysfs" || mount.type == "devpts" || mount.type == "mqueue" ||
                mount.type == "cgroup" || mount.destination == "/dev";
  return kernel ? Links::kRefuse : Links::kFollow;
}

base::Fd make_mount(const Mount& mount) {
  std::string type = mount.type == "cgroup" ? "cgroup2" : mount.type;
  return new_filesystem(type, mount.parameters, mount.attributes);
}

}  // namespace

base::Fd attach_root(const ContainerSpec& spec, const base::Fd& tree) {
  const std::string place = spec.hooks.before_pivot() ? spec.root.directory : kStagingPoint;
  attach(tree, base::open_file(place, O_PATH | O_DIRECTORY), place);
  return base::open_file(place, O_PATH | O_DIRECTORY);
}

void mount_all(const ContainerSpec& spec, const base::Fd& root, Channel& channel) {
  for (const Mount& mount : spec.mounts) {
    base::Fd tree;
    if (mount.type == "bind") {
      tree = channel.expect(kTree).fd;
    } else {
      tree = make_mount(mount);
    }
    base::Fd target = make_below(root, mount.destination, is_directory(tree), links_for(mount));
    attach(tree, target, mount.destination);
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
      attach(clone_tree_at(null, false), target, path);
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
  if (!spec.root.read_only) return;
  base::Fd here = base::open_file("/", O_PATH | O_DIRECTORY);
  change_attributes(here, MOUNT_ATTR_RDONLY, 0, false, "/");
}

void make_working_directory(const ContainerSpec& spec) {
  base::Fd root = base::open_file("/", O_PATH | O_DIRECTORY);
  if (find_below(root, spec.process.working_directory, O_PATH, Links::kFollow)) return;
  make_below(root, spec.process.working_directory, true, Links::kFollow);
}

}  // namespace runtime
