#include "runtime/oci_linux.h"

#include "runtime/oci_resources.h"

namespace runtime {
namespace {

constexpr std::int64_t kHighestId = 4294967294;

void parse_namespaces(ObjectReader& linux_part, Namespaces& result) {
  result = {.user = false, .pid = false, .network = false, .ipc = false, .uts = false, .cgroup = false};
  bool mount = false;
  for (ObjectReader& reader : linux_part.objects("namespaces")) {
    std::string type = reader.text("type");
    std::string path = reader.text("path");
    auto take = [&](bool& own, std::string* joined) {
      if (!path.empty() && joined == nullptr)
        refuse(reader.path_of("path"), "joining a " + type + " namespace is not supported");
      if (path.empty()) {
        own = true;
      } else {
        *joined = path;
      }
    };
    if (type == "pid")
      take(result.pid, &result.pid_path);
    else if (type == "network")
      take(result.network, &result.network_path);
    else if (type == "ipc")
      take(result.ipc, &result.ipc_path);
    else if (type == "uts")
      take(result.uts, &result.uts_path);
    else if (type == "mount")
      take(mount, nullptr);
    else if (type == "user")
      take(result.user, nullptr);
    else if (type == "cgroup")
      take(result.cgroup, nullptr);
    else
      refuse(reader.path_of("type"), "'" + type + "' is not supported");
    reader.done();
  }
  if (!mount) refuse("linux.namespaces", "a mount namespace is needed");
  bool joined =
      !result.pid_path.empty() || !result.network_path.empty() || !result.ipc_path.empty() || !result.uts_path.empty();
  if (result.user && joined) refuse("linux.namespaces", "a user namespace beside joined namespaces is not supported");
}

std::vector<IdMapping> parse_mappings(ObjectReader& linux_part, const char* name) {
  std::vector<IdMapping> result;
  for (ObjectReader& reader : linux_part.objects(name)) {
    auto number = [&](const char* field, std::int64_t low) {
      return static_cast<std::uint32_t>(reader.integer(field, low, kHighestId).value_or(0));
    };
    result.push_back({.inside = number("containerID", 0), .outside = number("hostID", 0), .count = number("size", 1)});
    reader.done();
  }
  return result;
}

}  // namespace

void parse_linux(ObjectReader linux_part, OciContainer& result) {
  ContainerSpec& spec = result.spec;
  parse_namespaces(linux_part, spec.namespaces);
  spec.uid_map = parse_mappings(linux_part, "uidMappings");
  spec.gid_map = parse_mappings(linux_part, "gidMappings");
  if (spec.namespaces.user && (spec.uid_map.empty() || spec.gid_map.empty())) {
    refuse("linux.uidMappings", "a user namespace needs uidMappings and gidMappings");
  }
  if (!spec.namespaces.user && !(spec.uid_map.empty() && spec.gid_map.empty())) {
    refuse("linux.uidMappings", "mappings without a user namespace");
  }
  spec.masked_paths = linux_part.texts("maskedPaths");
  spec.read_only_paths = linux_part.texts("readonlyPaths");
  result.cgroups_path = linux_part.text("cgroupsPath");
  spec.resources = parse_resources(linux_part.object("resources"));
  if (const base::Json* seccomp = linux_part.member("seccomp")) spec.process.seccomp = compile_seccomp(*seccomp);
  std::string propagation = linux_part.text("rootfsPropagation");
  if (!propagation.empty() && propagation != "private" && propagation != "rprivate") {
    refuse("linux.rootfsPropagation", "'" + propagation + "' is not supported");
  }
  linux_part.done();
}

}  // namespace runtime
