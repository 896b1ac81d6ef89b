#include "runtime/oci_mounts.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/mount_options.h"

namespace runtime {
namespace {

constexpr std::int64_t kHighestId = 4294967294;

std::string type_of(const std::string& given, const std::vector<std::string>& options) {
  bool bind = std::ranges::any_of(options, [](const std::string& o) { return o == "bind" || o == "rbind"; });
  if (bind || given.empty() || given == "none") return "bind";
  return given == "cgroup2" ? "cgroup" : given;
}

void check_destination(const std::string& destination, const std::string& where) {
  for (const std::string& part : base::split(destination, '/')) {
    if (!part.empty() && part != ".") return;
  }
  refuse(where, "'" + destination + "' is the root itself");
}

void parse_id_map(ObjectReader& reader, Mount& mount, const ContainerSpec& container) {
  std::vector<IdMapping> uids = parse_id_mappings(reader, "uidMappings");
  std::vector<IdMapping> gids = parse_id_mappings(reader, "gidMappings");
  if (!uids.empty() || !gids.empty()) {
    if (mount.type != "bind") refuse(reader.path_of("uidMappings"), "id maps are for binds");
    if (uids.empty() || gids.empty()) refuse(reader.path_of("uidMappings"), "uidMappings and gidMappings are needed");
    if (!mount.id_map) mount.id_map.emplace();
    if (!mount.id_map->uids.empty()) refuse(reader.path_of("options"), "an idmap= beside uidMappings");
    mount.id_map->uids = std::move(uids);
    mount.id_map->gids = std::move(gids);
  }
  bool has_users = container.namespaces.user || !container.namespaces.user_path.empty();
  if (mount.id_map && mount.id_map->uids.empty() && !has_users) {
    refuse(reader.path_of("options"), "option 'idmap' needs a user namespace or maps of its own");
  }
}

}  // namespace

std::vector<IdMapping> parse_id_mappings(ObjectReader& reader, const char* name) {
  std::vector<IdMapping> result;
  for (ObjectReader& line : reader.objects(name)) {
    auto number = [&](const char* field, std::int64_t low) {
      return static_cast<std::uint32_t>(line.integer(field, low, kHighestId).value_or(0));
    };
    result.push_back({.inside = number("containerID", 0), .outside = number("hostID", 0), .count = number("size", 1)});
    if (result.back().count == 0) refuse(line.path_of("size"), "missing");
    line.done();
  }
  return result;
}

Mount parse_oci_mount(ObjectReader& reader, const std::string& bundle, const ContainerSpec& container) {
  Mount mount;
  mount.destination = reader.text("destination");
  // Version 1.2 lets it be relative to the root.
  if (!mount.destination.starts_with('/')) mount.destination.insert(0, "/");
  check_destination(mount.destination, reader.path_of("destination"));
  std::vector<std::string> options = reader.texts("options");
  mount.type = type_of(reader.text("type"), options);
  mount.source = reader.text("source");
  std::string where = reader.path_of("options");
  for (const std::string& option : options) {
    apply_mount_option(mount, option, where, container.uid_map, container.gid_map);
  }
  if (mount.type == "bind" && !mount.remount) {
    if (mount.source.empty()) refuse(reader.path_of("source"), "missing");
    if (!mount.source.starts_with('/')) mount.source = bundle + "/" + mount.source;
  }
  parse_id_map(reader, mount, container);
  reader.done();
  return mount;
}

}  // namespace runtime
