#include "runtime/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace runtime {
namespace {

constexpr std::array<const char*, 6> kDevices = {"null", "zero", "full", "random", "urandom", "tty"};

bool has_own_devices(const ContainerSpec& spec) {
  for (const Mount& mount : spec.mounts) {
    if (mount.destination == "/dev" && mount.type == "tmpfs") return true;
  }
  return false;
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
  if (!has_own_devices(spec)) return;
  base::Fd directory = find_below(root, "/dev", O_PATH | O_DIRECTORY, Links::kRefuse);
  if (!directory) return;
  for (const char* name : kDevices) {
    base::Fd tree = clone_tree_at(host_device(name), false);
    base::Fd file(openat(directory.get(), name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file && errno != EEXIST) base::throw_errno("create in the container", std::string("/dev/") + name);
    base::Fd target = find_below(root, std::string("/dev/") + name, O_PATH, Links::kRefuse);
    if (!target) throw base::Error("create in the container", std::string("/dev/") + name, "it vanished");
    attach(tree, target, std::string("/dev/") + name);
  }
  constexpr std::array<std::pair<const char*, const char*>, 5> kLinks = {{{"pts/ptmx", "ptmx"},
                                                                          {"/proc/self/fd", "fd"},
                                                                          {"/proc/self/fd/0", "stdin"},
                                                                          {"/proc/self/fd/1", "stdout"},
                                                                          {"/proc/self/fd/2", "stderr"}}};
  for (const auto& [value, name] : kLinks) {
    if (symlinkat(value, directory.get(), name) < 0 && errno != EEXIST) base::throw_errno("link", name);
  }
}

}  // namespace runtime
