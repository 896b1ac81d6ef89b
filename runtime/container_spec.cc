#include "runtime/container_spec.h"

#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "runtime/anonymous_volumes.h"
#include "runtime/boot.h"
#include "runtime/id_range.h"
#include "runtime/seccomp_file.h"

namespace runtime {
namespace {

constexpr const char* kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::uint64_t kVolumeAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// Without a user namespace nobody can give what he does not have; ALL is all that there is to give.
Capabilities grantable_capabilities(const RunRequest& request) {
  Capabilities ours = own_capabilities();
  for (const std::string& name : request.added_capabilities) {
    std::optional<Capabilities> capability = capability_by_name(name);
    if (!capability || (*capability & ours) != 0) continue;
    throw base::Error("add capability", name, "we do not have it ourselves, and --userns host was asked for");
  }
  return ours;
}

CapabilitySets capabilities_for(const RunRequest& request) {
  CapabilitySets sets = default_capabilities();
  if (request.boot) sets.bounding = machine_capabilities();
  sets.bounding = adjust_capabilities(sets.bounding, request.added_capabilities, request.dropped_capabilities);
  if (request.host_users) sets.bounding &= grantable_capabilities(request);
  sets.effective = sets.permitted = sets.bounding;
  return sets;
}

SeccompFilter filter_of(const RunRequest& request, Capabilities bounding) {
  if (!request.seccomp) return {};
  if (request.seccomp_profile.is_null()) return {.program = default_seccomp_filter(bounding)};
  SeccompFilter filter = compile_seccomp(seccomp_of_file(request.seccomp_profile, seccomp_place(bounding)));
  if (!filter.listener.path.empty()) {
    throw base::Error("seccomp profile", "SCMP_ACT_NOTIFY", "nobody answers here (oci-runtime has listeners)");
  }
  return filter;
}

Process make_process(const RunRequest& request, const Image& image, const std::string& host_name) {
  Process process;
  process.arguments = command_line(image.config.entrypoint, image.config.cmd, request.entrypoint, request.command);
  if (process.arguments.empty()) {
    throw base::Error("run", image.reference, "the image names no command, and none was given");
  }
  std::vector<std::string> base_environment = {kDefaultPath, "HOSTNAME=" + host_name};
  process.environment = merge_environment(merge_environment(base_environment, image.config.env), request.environment);
  process.working_directory = request.working_directory.value_or(image.config.working_dir);
  if (!process.working_directory.starts_with('/')) process.working_directory.insert(0, "/");
  process.user = request.user.value_or(image.config.user);
  process.additional_groups = request.groups;
  process.capabilities = capabilities_for(request);
  process.limits = {{.resource = RLIMIT_CORE, .limit = {0, 0}}};
  for (const ResourceLimit& limit : request.limits) process.limits.push_back(limit);
  process.oom_score_adjustment = request.oom_score_adjustment;
  process.no_new_privileges = request.no_new_privileges;
  process.seccomp = filter_of(request, process.capabilities.bounding);
  process.apparmor_profile = request.apparmor_profile;
  process.init = request.init;
  return process;
}

// File systems of a namespace that is the machine's cannot be mounted from a user namespace: the machine's own mounts
// of them are shown.
void show_namespaces_of_the_host(const RunRequest& request, std::vector<Mount>& mounts) {
  auto show = [&](const char* path) {
    for (Mount& mount : mounts) {
      if (mount.destination != path) continue;
      std::uint64_t attributes = mount.attributes;
      mount = {
          .destination = path, .type = "bind", .source = path, .recursive_attributes = attributes, .recursive = true};
    }
  };
  if (request.pid_mode == "host") show("/proc");
  if (request.ipc_mode != "host") return;
  show("/dev/shm");
  show("/dev/mqueue");
  std::erase_if(mounts, [](const Mount& mount) { return mount.type == "bind" && !base::exists(mount.source); });
}

std::vector<Mount> make_mounts(const RunRequest& request, bool own_network) {
  std::vector<Mount> mounts = default_mounts(own_network);
  for (Mount& mount : mounts) {
    if (mount.destination != "/dev/shm" || !request.shm_size) continue;
    for (MountParameter& parameter : mount.parameters) {
      if (parameter.first == "size") parameter.second = std::to_string(*request.shm_size);
    }
  }
  show_namespaces_of_the_host(request, mounts);
  return mounts;
}

// What is below another one comes after it, whoever asked for it and in whatever order: else it would be hidden. Of two
// at one place what was asked for counts, and not `mounts`, which every container has.
std::vector<Mount> with_mounts_asked_for(std::vector<Mount> mounts, const RunRequest& request) {
  for (const TemporaryMount& mount : request.temporary_mounts) {
    mounts.push_back({.destination = mount.destination,
                      .type = "tmpfs",
                      .parameters = mount.parameters,
                      .attributes = mount.attributes});
  }
  for (const Volume& volume : request.volumes) {
    mounts.push_back({.destination = volume.destination,
                      .type = "bind",
                      .source = volume.source,
                      .recursive_attributes = kVolumeAttributes | (volume.read_only ? MOUNT_ATTR_RDONLY : 0u),
                      .recursive = true,
                      .id_mapped = true,
                      .copy_up = volume.fill});
  }
  std::ranges::stable_sort(mounts, {},
                           [](const Mount& mount) { return std::ranges::count(plain_path(mount.destination), '/'); });
  return mounts;
}

// RFC 9562, version 4.
std::string random_uuid() {
  std::string hex = base::system_random().hex_string(16);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] % 4];
  for (std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, "-");
  return hex;
}

}  // namespace

ContainerSpec make_spec(const SavedRequest& saved, const ContainerState& state, const std::vector<Mount>& provided) {
  const RunRequest& request = saved.request;
  ContainerSpec spec;
  spec.id = state.id;
  spec.host_name = host_name_of(request, state.id);
  spec.process = make_process(request, saved.image, spec.host_name);
  if (request.uts_mode == "host") spec.host_name.clear();  // nothing that we would set
  spec.root.layers = saved.image.layer_directories;
  spec.root.read_only = request.read_only;
  spec.namespaces = state.namespaces;
  if (spec.namespaces.user) {
    spec.uid_map = spec.gid_map = {{.inside = 0, .outside = state.first_id, .count = kIdsPerContainer}};
  }
  spec.mounts = make_mounts(request, spec.namespaces.network);
  std::vector<Mount> further = with_mounts_asked_for(provided, request);
  spec.mounts.insert(spec.mounts.end(), further.begin(), further.end());
  if (request.protect_system_paths) {
    spec.masked_paths = default_masked_paths();
    spec.read_only_paths = default_read_only_paths();
  }
  spec.resources = request.resources;
  spec.sysctls = request.sysctls;
  // Root of the machine can make any node. What is denied comes first, the last rule that fits counts.
  if (request.host_users || needs_filter(request.devices)) spec.resources.devices = {DeviceRule{}};
  spec.process.terminal = request.terminal;
  if (request.boot) make_machine(spec, random_uuid());
  return spec;
}

void log_openings(const RunRequest& request, const std::string& name) {
  std::vector<std::string> openings;
  if (request.network == "host") openings.emplace_back("the host's network");
  if (request.pid_mode == "host") openings.emplace_back("the host's processes");
  if (request.ipc_mode == "host") openings.emplace_back("the host's shared memory");
  if (request.uts_mode == "host") openings.emplace_back("the host's name");
  if (request.host_users) openings.emplace_back("no user namespace");
  for (const DeviceWord& device : request.devices) openings.push_back("device " + device.source);
  if (!request.seccomp_file.empty()) openings.push_back("the system call filter of " + request.seccomp_file);
  if (!request.seccomp) openings.emplace_back("no system call filter");
  if (!request.protect_system_paths) openings.emplace_back("/proc and /sys as they are");
  if (!request.no_new_privileges) openings.emplace_back("new privileges by execve");
  for (const std::string& capability : request.added_capabilities) openings.push_back("capability " + capability);
  if (!openings.empty()) base::log_warning("container {}: opened by its options: {}", name, base::join(openings, ", "));
}

}  // namespace runtime
