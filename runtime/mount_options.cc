// Three kinds of names: attributes of the one mount (ro, nosuid, …; with "r" in front also of the mounts below),
// propagation, and flags of the file system itself (sync, dirsync, …), which are nothing for a bind.

#include "runtime/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "runtime/id_map_option.h"

namespace runtime {
namespace {

struct Attribute {
  std::string_view name;
  std::uint64_t set;
  std::uint64_t clear;
};

// The kernel has three ways to keep access times, "relatime" being 0 and the default; "norelatime" asks for nothing.
constexpr std::array<Attribute, 18> kAttributes = {{
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", 0, MOUNT_ATTR__ATIME},
    {"relatime", 0, MOUNT_ATTR__ATIME},
    {"norelatime", 0, 0},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
}};

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kPropagation = {
    {{"shared", MS_SHARED}, {"slave", MS_SLAVE}, {"private", MS_PRIVATE}, {"unbindable", MS_UNBINDABLE}}};

// Of the file system, all its mounts (fsconfig(2) knows them by these names).
constexpr std::array<std::string_view, 7> kFilesystemFlags = {"sync",       "async", "dirsync", "lazytime",
                                                              "nolazytime", "mand",  "nomand"};

// What changes how a mount is made. "defaults" changes nothing, "silent" and "loud" only the kernel's log.
constexpr std::array<std::string_view, 12> kWays = {"bind",          "rbind",        "remount", "tmpcopyup",
                                                    "copy-symlink",  "idmap",        "ridmap",  "defaults",
                                                    "dest-nofollow", "src-nofollow", "loud",    "silent"};

bool apply_attribute(Mount& mount, std::string_view option) {
  bool recursive = false;
  const auto* found = std::ranges::find(kAttributes, option, &Attribute::name);
  if (found == kAttributes.end() && option.starts_with('r')) {
    recursive = true;
    found = std::ranges::find(kAttributes, option.substr(1), &Attribute::name);
  }
  if (found == kAttributes.end()) return false;
  // A file system's own mount has none below.
  recursive = recursive && mount.type == "bind";
  std::uint64_t& set = recursive ? mount.recursive_attributes : mount.attributes;
  std::uint64_t& cleared = recursive ? mount.recursive_cleared : mount.cleared;
  set = (set & ~found->clear) | found->set;
  // The kernel wants all of MOUNT_ATTR__ATIME cleared when one of its values is set.
  cleared = (cleared & ~(found->set & ~std::uint64_t{MOUNT_ATTR__ATIME})) | found->clear;
  return true;
}

[[noreturn]] void refuse_option(const std::string& where, const std::string& option, const std::string& reason) {
  throw base::Error("config.json", where, "option '" + option + "' " + reason);
}

bool apply_way(Mount& mount, const std::string& option, const std::string& where) {
  if (std::ranges::find(kWays, option) == kWays.end()) return false;
  bool bind = mount.type == "bind";
  if (option == "rbind") mount.recursive = true;
  if (option == "remount") mount.remount = true;
  if (option == "dest-nofollow") mount.follow_destination = false;
  if (option == "tmpcopyup") {
    if (mount.type != "tmpfs") refuse_option(where, option, "is for type tmpfs");
    mount.copy_up = true;
  }
  if (option == "copy-symlink" || option == "src-nofollow" || option == "idmap" || option == "ridmap") {
    if (!bind) refuse_option(where, option, "is for binds");
    if (option == "copy-symlink") mount.copy_link = true;
    if (option == "src-nofollow") mount.follow_source = false;
    if (option.ends_with("idmap")) {
      if (!mount.id_map) mount.id_map.emplace();
      mount.id_map->recursive = option == "ridmap";
    }
  }
  return true;
}

}  // namespace

void apply_mount_option(Mount& mount, const std::string& option, const std::string& where,
                        const std::vector<IdMapping>& uid_map, const std::vector<IdMapping>& gid_map) {
  if (apply_attribute(mount, option) || apply_way(mount, option, where)) return;
  if (std::optional<std::uint64_t> propagation = propagation_by_name(option)) {
    mount.propagation = *propagation;
    return;
  }
  std::size_t equals = option.find('=');
  std::string key = option.substr(0, equals);
  if (key == "idmap" || key == "ridmap") {
    if (mount.type != "bind") refuse_option(where, option, "is for binds");
    mount.id_map = parse_id_map_option(option.substr(equals + 1), where, uid_map, gid_map);
    mount.id_map->recursive = key == "ridmap";
    return;
  }
  if (mount.type == "bind") refuse_option(where, option, "is nothing for a bind");
  if (mount.remount) refuse_option(where, option, "is nothing for a remount");
  mount.parameters.emplace_back(key, equals == std::string::npos ? "" : option.substr(equals + 1));
}

std::optional<std::uint64_t> propagation_by_name(std::string_view name) {
  for (const auto& [known, flag] : kPropagation) {
    if (name == known) return flag;
    if (name.starts_with('r') && name.substr(1) == known) return flag | MS_REC;
  }
  return std::nullopt;
}

std::vector<std::string> mount_options(const Mount& mount) {
  std::vector<std::string> options;
  if (mount.type == "bind") options.emplace_back(mount.recursive ? "rbind" : "bind");
  for (const Attribute& attribute : kAttributes) {
    if (attribute.set != 0 && (mount.attributes & attribute.set) == attribute.set) options.emplace_back(attribute.name);
  }
  for (const auto& [key, value] : mount.parameters) options.push_back(value.empty() ? key : key + "=" + value);
  return options;
}

std::vector<std::string> known_mount_options() {
  std::vector<std::string> names(kWays.begin(), kWays.end());
  for (const Attribute& attribute : kAttributes) {
    names.emplace_back(attribute.name);
    names.push_back("r" + std::string(attribute.name));
  }
  for (const auto& [name, flag] : kPropagation) {
    names.emplace_back(name);
    names.push_back("r" + std::string(name));
  }
  names.insert(names.end(), kFilesystemFlags.begin(), kFilesystemFlags.end());
  std::ranges::sort(names);
  return names;
}

}  // namespace runtime
