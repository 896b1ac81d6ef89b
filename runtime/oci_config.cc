#include "runtime/oci_config.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/oci_mounts.h"
#include "runtime/oci_reader.h"

namespace runtime {
namespace {

constexpr std::int64_t kHighestId = 4294967294;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw base::Error("config.json", path, reason);
}

constexpr std::array<std::pair<std::string_view, int>, 16> kLimits = {{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};

rlim_t limit_value(ObjectReader& reader, const char* name) {
  std::int64_t value = reader.integer(name, 0, INT64_MAX).value_or(0);
  return value == INT64_MAX ? RLIM_INFINITY : static_cast<rlim_t>(value);
}

std::vector<ResourceLimit> parse_limits(ObjectReader& process) {
  std::vector<ResourceLimit> limits;
  for (ObjectReader& reader : process.objects("rlimits")) {
    std::string type = reader.text("type");
    const auto* known = std::ranges::find(kLimits, type, &std::pair<std::string_view, int>::first);
    if (known == kLimits.end()) refuse(reader.path_of("type"), "'" + type + "' is unknown");
    rlim_t soft = limit_value(reader, "soft");
    rlim_t hard = limit_value(reader, "hard");
    if (std::ranges::any_of(limits, [&](const ResourceLimit& l) { return l.resource == known->second; })) {
      refuse(reader.path_of("type"), "'" + type + "' stands twice");
    }
    limits.push_back({.resource = known->second, .limit = {soft, hard}});
    reader.done();
  }
  return limits;
}

Capabilities parse_capabilities(ObjectReader& reader, const char* name) {
  Capabilities set = 0;
  for (const std::string& text : reader.texts(name)) {
    std::optional<Capabilities> capability = capability_by_name(text);
    if (!capability) refuse(reader.path_of(name), "'" + text + "' is unknown");
    set |= *capability;
  }
  return set;
}

void parse_user(ObjectReader& process, Process& result) {
  ObjectReader user = process.object("user");
  std::int64_t uid = user.integer("uid", 0, 2147483647).value_or(0);
  std::int64_t gid = user.integer("gid", 0, 2147483647).value_or(0);
  result.user = std::to_string(uid) + ":" + std::to_string(gid);
  if (auto mask = user.integer("umask", 0, 0777)) result.file_mode_mask = static_cast<unsigned>(*mask);
  if (const base::Json* groups = user.member("additionalGids")) {
    for (const base::Json& group : *groups) {
      if (!group.is_number_unsigned() || group.get<std::uint64_t>() > 2147483647) {
        refuse(user.path_of("additionalGids"), "expected numbers from 0 to 2147483647");
      }
      result.additional_groups.push_back(group.get<std::uint32_t>());
    }
  }
  user.done();
}

Process parse_process(ObjectReader process) {
  Process result;
  result.arguments = process.texts("args");
  if (result.arguments.empty()) refuse(process.path_of("args"), "missing");
  result.environment = process.texts("env");
  result.working_directory = process.text("cwd");
  if (!result.working_directory.starts_with('/')) refuse(process.path_of("cwd"), "expected an absolute path");
  if (process.boolean("terminal")) refuse(process.path_of("terminal"), "not supported");
  process.member("consoleSize");  // says nothing without a terminal
  parse_user(process, result);
  ObjectReader sets = process.object("capabilities");
  result.capabilities = {.bounding = parse_capabilities(sets, "bounding"),
                         .effective = parse_capabilities(sets, "effective"),
                         .permitted = parse_capabilities(sets, "permitted"),
                         .inheritable = parse_capabilities(sets, "inheritable"),
                         .ambient = parse_capabilities(sets, "ambient")};
  sets.done();
  // The kernel wants both; runc 1.1's own example has ambient capabilities that are not inheritable.
  Capabilities possible = result.capabilities.permitted & result.capabilities.inheritable;
  if (Capabilities left_out = result.capabilities.ambient & ~possible) {
    base::log_warning("{}: not inheritable and permitted, so left out: {}", process.path_of("capabilities.ambient"),
                      base::join(capability_names(left_out), " "));
    result.capabilities.ambient &= possible;
  }
  result.limits = parse_limits(process);
  result.no_new_privileges = process.boolean("noNewPrivileges");
  if (auto adjustment = process.integer("oomScoreAdj", -1000, 1000)) {
    result.oom_score_adjustment = static_cast<int>(*adjustment);
  }
  process.done();  // apparmorProfile, selinuxLabel, scheduler, ioPriority, … are refused when they say something
  return result;
}

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

// A limit where -1 (and absence) is none.
std::optional<std::uint64_t> limit_of(ObjectReader& reader, const char* name) {
  std::optional<std::int64_t> value = reader.integer(name, -1, INT64_MAX);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

// Every device but the standard ones is out of reach already: all of the container's file systems are "nodev", and
// /dev holds binds of those. So rules that deny, or allow just these, hold; others would need a filter.
void check_device_rules(ObjectReader& resources, const ContainerSpec& spec) {
  constexpr std::array<std::pair<std::int64_t, std::int64_t>, 8> kReachable = {
      {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}};
  std::optional<Capabilities> administrator = capability_by_name("CAP_SYS_ADMIN");
  bool any = false;
  for (ObjectReader& rule : resources.objects("devices")) {
    any = true;
    bool allow = rule.boolean("allow");
    rule.text("type");
    rule.text("access");
    std::int64_t major = rule.integer("major", -1, 4095).value_or(-1);
    std::int64_t minor = rule.integer("minor", -1, 1048575).value_or(-1);
    rule.done();
    bool pty = major == 136;
    bool reachable = std::ranges::find(kReachable, std::pair{major, minor}) != kReachable.end();
    if (allow && !reachable && !pty) refuse(rule.path_of("allow"), "only the standard devices can be allowed");
  }
  if (any && !spec.namespaces.user && (spec.process.capabilities.bounding & administrator.value_or(0))) {
    refuse("linux.resources.devices", "cannot be enforced on a container with CAP_SYS_ADMIN and no user namespace");
  }
}

void parse_resources(ObjectReader resources, ContainerSpec& spec) {
  Resources& result = spec.resources;
  ObjectReader memory = resources.object("memory");
  result.memory_max = limit_of(memory, "limit");
  result.memory_low = limit_of(memory, "reservation");
  if (std::optional<std::uint64_t> both = limit_of(memory, "swap")) {
    if (!result.memory_max || *both < *result.memory_max)
      refuse("linux.resources.memory.swap", "below the memory limit");
    result.memory_swap_max = *both - *result.memory_max;
  }
  memory.done();
  ObjectReader cpu = resources.object("cpu");
  if (auto shares = limit_of(cpu, "shares"); shares && *shares > 0) {
    if (*shares < 2 || *shares > 262144) refuse("linux.resources.cpu.shares", "expected 2 to 262144");
    result.cpu_weight = cpu_weight_of_shares(*shares);
  }
  result.cpu_quota = limit_of(cpu, "quota");
  if (auto period = limit_of(cpu, "period"); period && *period > 0) result.cpu_period = *period;
  cpu.done();
  ObjectReader pids = resources.object("pids");
  result.pids_max = limit_of(pids, "limit");
  if (result.pids_max == 0) result.pids_max.reset();
  pids.done();
  check_device_rules(resources, spec);
  for (const char* name : {"blockIO", "hugepageLimits", "network", "rdma", "unified"}) resources.must_be_empty(name);
  resources.done();
}

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
  parse_resources(linux_part.object("resources"), spec);
  if (const base::Json* seccomp = linux_part.member("seccomp")) spec.process.seccomp = compile_seccomp(*seccomp);
  std::string propagation = linux_part.text("rootfsPropagation");
  if (!propagation.empty() && propagation != "private" && propagation != "rprivate") {
    refuse("linux.rootfsPropagation", "'" + propagation + "' is not supported");
  }
  linux_part.done();
}

base::Json texts(const std::vector<std::string>& list) {
  return base::Json(list);
}

}  // namespace

std::uint64_t cpu_weight_of_shares(std::uint64_t shares) {
  double exponent = std::log2(static_cast<double>(shares));
  double weight = std::pow(10.0, (exponent * exponent + 125 * exponent) / 612.0 - 7.0 / 34.0);
  return static_cast<std::uint64_t>(std::clamp(std::ceil(weight), 1.0, 10000.0));
}

Process parse_oci_process(const base::Json& process) {
  return parse_process(ObjectReader(process, "process"));
}

OciContainer parse_oci_config(const base::Json& config, const std::string& bundle, const std::string& id) {
  ObjectReader reader(config, "");
  OciContainer result;
  ContainerSpec& spec = result.spec;
  spec.id = id;
  spec.die_with_parent = false;
  std::string version = reader.text("ociVersion");
  if (!version.starts_with("1.")) refuse("ociVersion", "'" + version + "' is not supported (1.x is)");
  if (reader.member("process") == nullptr) refuse("process", "missing");
  spec.process = parse_process(reader.object("process"));
  if (reader.member("root") == nullptr) refuse("root", "missing");
  ObjectReader root = reader.object("root");
  std::string path = root.text("path");
  if (path.empty()) refuse("root.path", "missing");
  spec.root.directory = path.starts_with('/') ? path : bundle + "/" + path;
  spec.root.read_only = root.boolean("readonly");
  root.done();
  if (reader.member("linux") == nullptr) refuse("linux", "missing");
  parse_linux(reader.object("linux"), result);
  spec.host_name = reader.text("hostname");
  if (!spec.host_name.empty() && !spec.namespaces.uts) refuse("hostname", "needs a uts namespace of its own");
  for (ObjectReader& reader_of_one : reader.objects("mounts")) {
    Mount mount = parse_oci_mount(reader_of_one, bundle);
    // See check_device_rules(). A device file that is bound itself stays usable: the caller has named it.
    if (mount.type != "bind" || std::filesystem::is_directory(mount.source)) mount.attributes |= MOUNT_ATTR_NODEV;
    spec.mounts.push_back(std::move(mount));
  }
  if (const base::Json* annotations = reader.member("annotations")) result.annotations = *annotations;
  ObjectReader hooks = reader.object("hooks");
  hooks.done();
  reader.done();
  return result;
}

base::Json default_oci_config() {
  base::Json mounts = base::Json::array();
  for (const Mount& mount : default_mounts(true)) {
    mounts.push_back({{"destination", mount.destination},
                      {"type", mount.type},
                      {"source", mount.type},
                      {"options", texts(mount_options(mount))}});
  }
  CapabilitySets sets = default_capabilities();
  base::Json namespaces = base::Json::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) namespaces.push_back({{"type", type}});
  return {{"ociVersion", kOciVersion},
          {"process",
           {{"terminal", false},
            {"user", {{"uid", 0}, {"gid", 0}}},
            {"args", {"sh"}},
            {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
            {"cwd", "/"},
            {"capabilities",
             {{"bounding", texts(capability_names(sets.bounding))},
              {"effective", texts(capability_names(sets.effective))},
              {"permitted", texts(capability_names(sets.permitted))}}},
            {"rlimits", {{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
            {"noNewPrivileges", true}}},
          {"root", {{"path", "rootfs"}, {"readonly", true}}},
          {"hostname", "container"},
          {"mounts", mounts},
          {"linux",
           {{"resources", {{"devices", {{{"allow", false}, {"access", "rwm"}}}}}},
            {"namespaces", namespaces},
            {"maskedPaths", texts(default_masked_paths())},
            {"readonlyPaths", texts(default_read_only_paths())}}}};
}

}  // namespace runtime
