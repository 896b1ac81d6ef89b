#include "runtime/cgroup_delegation.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

bool mounts_cgroups_writable(const ContainerSpec& spec) {
  return std::ranges::any_of(spec.mounts, [](const Mount& mount) {
    return mount.type == "cgroup" && !((mount.attributes | mount.recursive_attributes) & MOUNT_ATTR_RDONLY);
  });
}

}  // namespace

void delegate_cgroup(const ContainerSpec& spec, const Cgroup& cgroup) {
  if (!spec.namespaces.user || !spec.namespaces.cgroup || !mounts_cgroups_writable(spec)) return;
  base::Fd directory = cgroup.open();
  std::uint32_t user = host_root(spec.uid_map);
  std::uint32_t group = host_root(spec.gid_map);
  base::check(fchown(directory.get(), user, group), "give to the container", cgroup.path());
  std::string names = base::read_file_if_exists("/sys/kernel/cgroup/delegate").value_or("");
  for (const std::string& name : base::split_words(names)) {
    int result = fchownat(directory.get(), name.c_str(), user, group, AT_SYMLINK_NOFOLLOW);
    // The list is of all controllers' files, those that are not enabled here among them.
    if (result < 0 && errno != ENOENT) base::throw_errno("give to the container", cgroup.path() + "/" + name);
  }
}

}  // namespace runtime
