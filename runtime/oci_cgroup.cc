#include "runtime/oci_cgroup.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/oci_reader.h"
#include "runtime/scope_properties.h"

namespace runtime {
namespace {

constexpr const char* kMember = "linux.cgroupsPath";

CgroupPlan plan_directory(const OciContainer& container, CgroupPlan plan) {
  const std::string& wanted = container.cgroups_path;
  if (wanted.find(':') != std::string::npos) refuse(kMember, "systemd's form slice:prefix:name needs --systemd-cgroup");
  std::vector<std::string> parts = base::split(wanted, '/');
  if (std::ranges::find(parts, "..") != parts.end()) refuse(kMember, "'..' is not allowed");
  plan.kind = CgroupPlan::Kind::kDirectory;
  std::string path = wanted.empty() ? "clusteros/oci-" + container.spec.id : wanted;
  plan.path = plan.mount + (path.starts_with('/') ? "" : "/") + path;
  if (std::ranges::all_of(path, [](char c) { return c == '/' || c == '.'; })) {
    refuse(kMember, "the hierarchy's root is no container's");
  }
  return plan;
}

CgroupPlan plan_scope(const OciContainer& container, CgroupPlan plan) {
  if (!systemd_is_running()) throw base::Error("--systemd-cgroup", "", "systemd is not this machine's init");
  plan.kind = CgroupPlan::Kind::kScope;
  plan.scope = parse_scope_path(container.cgroups_path, container.spec.id);
  plan.scope.description = "Container " + container.spec.id;
  plan.scope.properties = annotation_properties(container.spec.annotations);
  plan.path = plan.mount + scope_directory(plan.scope) + "/container";
  return plan;
}

}  // namespace

CgroupPlan plan_oci_cgroup(const OciContainer& container, bool by_systemd) {
  CgroupPlan plan{.kind = CgroupPlan::Kind::kNone, .mount = cgroup_mount()};
  if (plan.mount.empty()) return plan;
  return by_systemd ? plan_scope(container, std::move(plan)) : plan_directory(container, std::move(plan));
}

bool remove_oci_cgroup(const std::string& path, int milliseconds) {
  if (path.empty()) return true;
  Cgroup cgroup(path);
  if (!cgroup.processes().empty()) cgroup.kill_all();
  if (!cgroup.remove(milliseconds)) return false;
  cgroup.remove_made_parents();
  std::string scope = scope_of(cgroup);
  if (!scope.empty() && systemd_is_running()) end_scope(*base::connect_systemd(), scope);
  return true;
}

}  // namespace runtime
