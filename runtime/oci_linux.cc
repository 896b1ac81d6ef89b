#include "runtime/oci_linux.h"

#include <sys/personality.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "runtime/mount_options.h"
#include "runtime/oci_mounts.h"
#include "runtime/oci_placement.h"
#include "runtime/oci_resources.h"

namespace runtime {
namespace {

struct Kind {
  std::string_view type;
  bool Namespaces::* own;  // null: always
  std::string Namespaces::* path;
};

constexpr std::array<Kind, 8> kKinds = {{{"pid", &Namespaces::pid, &Namespaces::pid_path},
                                         {"network", &Namespaces::network, &Namespaces::network_path},
                                         {"ipc", &Namespaces::ipc, &Namespaces::ipc_path},
                                         {"uts", &Namespaces::uts, &Namespaces::uts_path},
                                         {"mount", nullptr, &Namespaces::mount_path},
                                         {"user", &Namespaces::user, &Namespaces::user_path},
                                         {"cgroup", &Namespaces::cgroup, &Namespaces::cgroup_path},
                                         {"time", &Namespaces::time, &Namespaces::time_path}}};

void parse_namespaces(ObjectReader& linux_part, Namespaces& result) {
  result = {.user = false, .pid = false, .network = false, .ipc = false, .uts = false, .cgroup = false};
  std::set<std::string> seen;
  for (ObjectReader& reader : linux_part.objects("namespaces")) {
    std::string type = reader.text("type");
    std::string path = reader.text("path");
    const auto* kind = std::ranges::find(kKinds, type, &Kind::type);
    if (kind == kKinds.end()) refuse(reader.path_of("type"), "'" + type + "' is unknown");
    if (!seen.insert(type).second) refuse(reader.path_of("type"), "'" + type + "' stands twice");
    if (!path.empty() && !path.starts_with('/')) refuse(reader.path_of("path"), "expected an absolute path");
    if (!path.empty()) {
      result.*kind->path = path;
    } else if (kind->own != nullptr) {
      result.*kind->own = true;
    }
    reader.done();
  }
  if (!seen.contains("mount")) refuse("linux.namespaces", "a mount namespace is needed");
}

void parse_id_maps(ObjectReader& linux_part, ContainerSpec& spec) {
  spec.uid_map = parse_id_mappings(linux_part, "uidMappings");
  spec.gid_map = parse_id_mappings(linux_part, "gidMappings");
  if (spec.namespaces.user && (spec.uid_map.empty() || spec.gid_map.empty())) {
    refuse("linux.uidMappings", "a user namespace needs uidMappings and gidMappings");
  }
  // Beside a joined one they say what it has already; podman writes them, too.
  if (!in_user_namespace(spec) && !(spec.uid_map.empty() && spec.gid_map.empty())) {
    refuse("linux.uidMappings", "mappings without a user namespace");
  }
}

void parse_time_offsets(ObjectReader& linux_part, ContainerSpec& spec) {
  ObjectReader offsets = linux_part.object("timeOffsets");
  for (const char* clock : {"monotonic", "boottime"}) {
    if (offsets.member(clock) == nullptr) continue;
    ObjectReader offset = offsets.object(clock);
    std::int64_t seconds = offset.integer("secs", INT64_MIN, INT64_MAX).value_or(0);
    std::int64_t nanoseconds = offset.integer("nanosecs", 0, 999999999).value_or(0);
    offset.done();
    spec.time_offsets[clock] = std::to_string(seconds) + " " + std::to_string(nanoseconds);
  }
  offsets.done();
  if (!spec.time_offsets.empty() && !spec.namespaces.time) {
    refuse("linux.timeOffsets", "needs a time namespace of its own");
  }
}

void parse_devices(ObjectReader& linux_part, ContainerSpec& spec) {
  for (ObjectReader& reader : linux_part.objects("devices")) {
    DeviceNode device;
    device.path = reader.text("path");
    std::vector<std::string> parts = base::split(device.path, '/');
    bool up = std::ranges::find(parts, "..") != parts.end();
    if (!device.path.starts_with('/') || device.path.ends_with('/') || up) {
      refuse(reader.path_of("path"), "expected an absolute path of a file");
    }
    std::string type = reader.text("type");
    if (type != "c" && type != "b" && type != "u" && type != "p") {
      refuse(reader.path_of("type"), "'" + type + "' is none of c, b, u, p");
    }
    device.type = type == "u" ? 'c' : type[0];
    auto number = [&](const char* name, std::int64_t high) {
      return static_cast<std::uint32_t>(reader.integer(name, 0, high).value_or(0));
    };
    device.major = number("major", 4095);
    device.minor = number("minor", 1048575);
    device.mode = static_cast<std::uint32_t>(reader.integer("fileMode", 0, 0177777).value_or(0666)) & 07777;
    device.uid = number("uid", 2147483647);
    device.gid = number("gid", 2147483647);
    reader.done();
    spec.devices.push_back(std::move(device));
  }
}

void parse_sysctls(ObjectReader& linux_part, ContainerSpec& spec) {
  const base::Json* sysctls = linux_part.member("sysctl");
  if (sysctls == nullptr) return;
  ObjectReader reader = linux_part.object("sysctl");
  for (const auto& [name, value] : sysctls->items()) spec.sysctls[name] = reader.text(name);
}

void parse_personality(ObjectReader& linux_part, ContainerSpec& spec) {
  if (linux_part.member("personality") == nullptr) return;
  ObjectReader reader = linux_part.object("personality");
  std::string domain = reader.text("domain");
  if (domain == "LINUX") {
    spec.process.personality = PER_LINUX;
  } else if (domain == "LINUX32") {
    spec.process.personality = PER_LINUX32;
  } else {
    refuse(reader.path_of("domain"), "'" + domain + "' is neither LINUX nor LINUX32");
  }
  reader.must_be_empty("flags");  // the specification knows none
  reader.done();
}

}  // namespace

void parse_linux(ObjectReader linux_part, OciContainer& result) {
  ContainerSpec& spec = result.spec;
  parse_namespaces(linux_part, spec.namespaces);
  parse_id_maps(linux_part, spec);
  parse_time_offsets(linux_part, spec);
  parse_devices(linux_part, spec);
  parse_sysctls(linux_part, spec);
  parse_personality(linux_part, spec);
  parse_placement(linux_part, spec);
  spec.mount_label = linux_part.text("mountLabel");
  spec.masked_paths = linux_part.texts("maskedPaths");
  spec.read_only_paths = linux_part.texts("readonlyPaths");
  result.cgroups_path = linux_part.text("cgroupsPath");
  spec.resources = parse_resources(linux_part.object("resources"));
  if (const base::Json* seccomp = linux_part.member("seccomp")) spec.process.seccomp = compile_seccomp(*seccomp);
  std::string propagation = linux_part.text("rootfsPropagation");
  if (!propagation.empty()) {
    std::optional<std::uint64_t> flags = propagation_by_name(propagation);
    if (!flags) refuse("linux.rootfsPropagation", "'" + propagation + "' is unknown");
    spec.root_propagation = *flags;
  }
  linux_part.done();
}

}  // namespace runtime
