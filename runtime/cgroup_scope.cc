#include "runtime/cgroup_scope.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/scope_properties.h"

namespace runtime {
namespace {

constexpr std::string_view kLeaf = "/container";
constexpr std::string_view kScope = ".scope";
constexpr std::string_view kSlice = ".slice";
constexpr std::size_t kLongestUnit = 255;
constexpr std::chrono::seconds kStopTime{30};

// systemd.unit(5): what a unit's name is made of.
bool is_unit_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestUnit && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '-' ||
           c == '_' || c == '.' || c == '\\' || c == '@';
  });
}

[[noreturn]] void refuse_path(std::string_view path, const char* reason) {
  throw base::Error("config.json", "linux.cgroupsPath", "'" + std::string(path) + "': " + reason);
}

}  // namespace

bool systemd_is_running() {
  struct stat status = {};
  return lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

ScopePlan parse_scope_path(std::string_view cgroups_path, const std::string& id) {
  if (cgroups_path.empty()) return {.unit = "oci-" + id + std::string(kScope), .slice = "machine.slice"};
  std::vector<std::string> parts = base::split(cgroups_path, ':');
  if (parts.size() != 3) refuse_path(cgroups_path, "systemd's form is slice:prefix:name");
  ScopePlan plan{.unit = {}, .slice = parts[0].empty() ? "system.slice" : parts[0]};
  if (!is_unit_name(plan.slice) || !plan.slice.ends_with(kSlice) || plan.slice.size() == kSlice.size()) {
    refuse_path(cgroups_path, "no slice's name before the first ':'");
  }
  if (parts[2].empty()) refuse_path(cgroups_path, "no name behind the last ':'");
  plan.unit = (parts[1].empty() ? "" : parts[1] + "-") + parts[2] + std::string(kScope);
  if (!is_unit_name(plan.unit)) refuse_path(cgroups_path, "prefix and name are no unit's name");
  return plan;
}

std::string scope_directory(const ScopePlan& plan) {
  if (plan.slice == "-.slice") return "/" + plan.unit;
  std::string path;
  std::string name = plan.slice.substr(0, plan.slice.size() - kSlice.size());
  for (std::size_t dash = name.find('-', 1);; dash = name.find('-', dash + 1)) {
    path += "/" + name.substr(0, dash) + std::string(kSlice);
    if (dash == std::string::npos) return path + "/" + plan.unit;
  }
}

Cgroup create_in_scope(base::Systemd& systemd, const ScopePlan& plan, const Resources& resources, int pid) {
  std::string mount = cgroup_mount();
  if (mount.empty()) throw base::Error("make a scope", plan.unit, "cgroup v2 is not mounted");
  base::ScopeRequest request{.name = plan.unit, .slice = plan.slice, .description = plan.description, .pids = {pid}};
  request.properties.push_back({"DefaultDependencies", false});
  for (const char* name : {"CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"}) {
    request.properties.push_back({name, true});
  }
  for (auto& property : limit_properties(resources)) request.properties.push_back(std::move(property));
  for (const auto& property : plan.properties) request.properties.push_back(property);
  std::string directory = mount + systemd.start_scope(request);
  std::string leaf = directory + std::string(kLeaf);
  base::make_directories(leaf);
  Cgroup cgroup(leaf);
  cgroup.add_process(pid);
  // Only now: a cgroup with processes cannot have controllers below.
  enable_controllers(directory, {"cpu", "memory", "pids", "io"});
  return cgroup;
}

std::string scope_of(const Cgroup& cgroup) {
  std::string_view path = cgroup.path();
  if (!path.ends_with(kLeaf)) return "";
  path.remove_suffix(kLeaf.size());
  std::string_view unit = path.substr(path.rfind('/') + 1);
  return unit.ends_with(kScope) ? std::string(unit) : "";
}

void update_scope(base::Systemd& systemd, const std::string& unit, const Resources& resources) {
  std::vector<base::UnitProperty> properties = limit_properties(resources);
  if (!properties.empty()) systemd.set_properties(unit, properties);
}

void end_scope(base::Systemd& systemd, const std::string& unit) {
  if (systemd.status(unit).active_state != "inactive") systemd.stop(unit, kStopTime);
  systemd.reset_failed(unit);
}

}  // namespace runtime
