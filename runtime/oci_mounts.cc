#include "runtime/oci_mounts.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace runtime {
namespace {

struct Flag {
  std::string_view name;
  std::uint64_t set;
  std::uint64_t clear;
};

// mount(8)'s names. "relatime" is what the kernel does without a word.
constexpr std::array<Flag, 17> kFlags = {{
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_NOATIME},
    {"relatime", 0, MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NOATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"defaults", 0, 0},
    {"private", 0, 0},  // every mount of ours is
    {"rprivate", 0, 0},
}};

constexpr std::array<std::string_view, 7> kTypes = {"bind", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup"};

// Parameters that may stand in a configuration for each type.
bool is_parameter(const std::string& type, std::string_view key) {
  if (type == "tmpfs") {
    return key == "size" || key == "mode" || key == "uid" || key == "gid" || key == "nr_inodes" || key == "nr_blocks";
  }
  if (type == "devpts") {
    return key == "newinstance" || key == "ptmxmode" || key == "mode" || key == "uid" || key == "gid" || key == "max";
  }
  return type == "proc" && (key == "hidepid" || key == "subset");
}

void apply_option(Mount& mount, const std::string& option, const std::string& where) {
  if (option == "bind" || option == "rbind") {
    mount.type = "bind";
    mount.recursive = mount.recursive || option == "rbind";
    return;
  }
  for (const Flag& flag : kFlags) {
    if (flag.name != option) continue;
    mount.attributes = (mount.attributes & ~flag.clear) | flag.set;
    return;
  }
  std::size_t equals = option.find('=');
  std::string key = option.substr(0, equals);
  if (!is_parameter(mount.type, key)) {
    throw base::Error("config.json", where, "option '" + option + "' is not supported for type " + mount.type);
  }
  mount.parameters.emplace_back(key, equals == std::string::npos ? "" : option.substr(equals + 1));
}

}  // namespace

Mount parse_oci_mount(ObjectReader& reader, const std::string& bundle) {
  Mount mount;
  std::string where = reader.path_of("options");
  mount.destination = reader.text("destination");
  // Version 1.2 lets it be relative to the root.
  if (!mount.destination.starts_with('/')) mount.destination.insert(0, "/");
  mount.type = reader.text("type");
  mount.source = reader.text("source");
  if (mount.type == "none" || mount.type == "cgroup2") mount.type = mount.type == "none" ? "bind" : "cgroup";
  std::vector<std::string> options = reader.texts("options");
  bool bind = std::ranges::any_of(options, [](const std::string& o) { return o == "bind" || o == "rbind"; });
  if (bind || mount.type.empty()) mount.type = "bind";
  if (std::ranges::find(kTypes, mount.type) == kTypes.end()) {
    throw base::Error("config.json", reader.path_of("type"), "type '" + mount.type + "' is not supported");
  }
  for (const std::string& option : options) apply_option(mount, option, where);
  if (mount.type == "bind" && !mount.source.starts_with('/')) mount.source = bundle + "/" + mount.source;
  if (mount.type != "bind") mount.source.clear();
  reader.done();
  return mount;
}

std::vector<std::string> mount_options(const Mount& mount) {
  std::vector<std::string> options;
  if (mount.type == "bind") options.emplace_back(mount.recursive ? "rbind" : "bind");
  for (const Flag& flag : kFlags) {
    if (flag.set != 0 && (mount.attributes & flag.set) == flag.set) options.emplace_back(flag.name);
  }
  for (const auto& [key, value] : mount.parameters) options.push_back(value.empty() ? key : key + "=" + value);
  return options;
}

}  // namespace runtime
