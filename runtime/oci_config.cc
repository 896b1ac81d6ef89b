#include "runtime/oci_config.h"

#include <sys/mount.h>

#include "runtime/mount_options.h"
#include "runtime/oci_hooks.h"
#include "runtime/oci_linux.h"
#include "runtime/oci_mounts.h"
#include "runtime/oci_process.h"
#include "runtime/oci_reader.h"
#include "runtime/sysctl.h"

namespace runtime {
namespace {

base::Json texts(const std::vector<std::string>& list) {
  return base::Json(list);
}

}  // namespace

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
  spec.domain_name = reader.text("domainname");
  bool own_names = spec.namespaces.uts || !spec.namespaces.uts_path.empty();
  if (!own_names && !spec.host_name.empty()) refuse("hostname", "needs a uts namespace of its own");
  if (!own_names && !spec.domain_name.empty()) refuse("domainname", "needs a uts namespace of its own");
  check_sysctls(spec);
  for (ObjectReader& reader_of_one : reader.objects("mounts")) {
    Mount mount = parse_oci_mount(reader_of_one, bundle, spec);
    if (spec.resources.devices.empty()) forbid_devices(mount);
    spec.mounts.push_back(std::move(mount));
  }
  if (const base::Json* annotations = reader.member("annotations")) spec.annotations = *annotations;
  spec.hooks = parse_hooks(reader.object("hooks"));
  spec.hooks.bundle = bundle;
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
