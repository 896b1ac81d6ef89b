#include "runtime/spec.h"

#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace runtime {

void forbid_devices(Mount& mount) {
  if (mount.type == "devpts") return;
  std::error_code ignored;  // what cannot be looked at cannot be bound either, and that says why
  if (mount.type == "bind" && !std::filesystem::is_directory(mount.source, ignored)) return;
  // Of a bind, the mounts below, too.
  (mount.type == "bind" ? mount.recursive_attributes : mount.attributes) |= MOUNT_ATTR_NODEV;
}

bool in_user_namespace(const ContainerSpec& spec) {
  return spec.namespaces.user || !spec.namespaces.user_path.empty();
}

std::uint32_t host_id(const std::vector<IdMapping>& map, std::uint64_t inside) {
  for (const IdMapping& line : map) {
    if (inside < line.inside || inside - line.inside >= line.count) continue;
    return line.outside + static_cast<std::uint32_t>(inside - line.inside);
  }
  return host_root(map);
}

std::uint32_t host_root(const std::vector<IdMapping>& map) {
  for (const IdMapping& line : map) {
    if (line.inside == 0 && line.count > 0) return line.outside;
  }
  return 0;
}

std::vector<Mount> default_mounts(bool own_network) {
  constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  std::vector<Mount> mounts = {
      {.destination = "/proc", .type = "proc", .attributes = kQuiet},
      {.destination = "/dev",
       .type = "tmpfs",
       .parameters = {{"mode", "755"}, {"size", "65536k"}},
       .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME},
      {.destination = "/dev/pts",
       .type = "devpts",
       .parameters = {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
       .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
      {.destination = "/dev/shm",
       .type = "tmpfs",
       .parameters = {{"mode", "1777"}, {"size", "65536k"}},
       .attributes = kQuiet},
      {.destination = "/dev/mqueue", .type = "mqueue", .attributes = kQuiet},
  };
  if (own_network) {
    mounts.push_back({.destination = "/sys", .type = "sysfs", .attributes = kQuiet | MOUNT_ATTR_RDONLY});
  } else {
    // A sysfs of one's own shows the network of one's own; without that, the host's is shown read-only.
    mounts.push_back({.destination = "/sys",
                      .type = "bind",
                      .source = "/sys",
                      .recursive_attributes = kQuiet | MOUNT_ATTR_RDONLY,
                      .recursive = true});
  }
  mounts.push_back({.destination = "/sys/fs/cgroup", .type = "cgroup", .attributes = kQuiet | MOUNT_ATTR_RDONLY});
  return mounts;
}

std::vector<std::string> default_masked_paths() {
  std::vector<std::string> paths = {
      "/proc/acpi",
      "/proc/asound",
      "/proc/interrupts",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/sched_debug",
      "/proc/scsi",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/sys/devices/virtual/powercap",
      "/sys/firmware",
  };
  // The count of thermal events of each processor tells what the neighbours compute.
  constexpr std::string_view kProcessors = "/sys/devices/system/cpu";
  if (!base::exists(std::string(kProcessors))) return paths;
  for (const std::string& name : base::list_directory(std::string(kProcessors))) {
    if (!base::glob_match("cpu[0-9]*", name)) continue;
    std::string path = std::string(kProcessors) + "/" + name + "/thermal_throttle";
    if (base::exists(path)) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> default_read_only_paths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

bool is_valid_id(std::string_view id) {
  auto common = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-';
  };
  if (id.empty() || id.size() > 64 || !common(id.front())) return false;
  return std::ranges::all_of(id, [&](char c) { return common(c) || c == '.'; });
}

}  // namespace runtime
