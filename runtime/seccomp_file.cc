#include "runtime/seccomp_file.h"

#include <sys/utsname.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

using base::Json;

constexpr const char* kWhere = "seccomp profile";

std::vector<std::string> texts(const Json& condition, const char* member) {
  auto found = condition.find(member);
  if (found == condition.end() || found->is_null()) return {};
  if (!found->is_array()) throw base::Error(kWhere, member, "not a list");
  std::vector<std::string> list;
  for (const Json& text : *found) {
    if (!text.is_string()) throw base::Error(kWhere, member, "not a list of texts");
    list.push_back(text.get<std::string>());
  }
  return list;
}

bool has_capability(const SeccompPlace& place, const std::string& name) {
  std::optional<Capabilities> one = capability_by_name(name);
  if (!one) throw base::Error(kWhere, name, "no such capability");
  return (place.bounding & *one) != 0;
}

bool kernel_is_at_least(const SeccompPlace& place, const std::string& text) {
  std::vector<std::string> parts = base::split(text, '.');
  std::optional<std::uint64_t> kernel = base::parse_unsigned(parts[0]);
  std::optional<std::uint64_t> minor = parts.size() > 1 ? base::parse_unsigned(parts[1]) : 0;
  if (!kernel || !minor) throw base::Error(kWhere, "minKernel", "'" + text + "' is no version");
  return place.kernel != *kernel ? place.kernel > *kernel : place.minor >= *minor;
}

void require_known(const Json& condition) {
  if (!condition.is_object()) throw base::Error(kWhere, "includes, excludes", "not an object");
  for (const auto& [name, value] : condition.items()) {
    if (name != "caps" && name != "arches" && name != "minKernel")
      throw base::Error(kWhere, name, "unsupported member");
  }
}

// moby's profiles/seccomp: all of what is included must be there, and nothing of what is excluded.
bool includes_hold(const Json& condition, const SeccompPlace& place) {
  require_known(condition);
  std::vector<std::string> arches = texts(condition, "arches");
  if (!arches.empty() && std::ranges::find(arches, place.short_architecture) == arches.end()) return false;
  for (const std::string& name : texts(condition, "caps")) {
    if (!has_capability(place, name)) return false;
  }
  return !condition.contains("minKernel") || kernel_is_at_least(place, base::json_string(condition, "minKernel"));
}

bool excludes_hold(const Json& condition, const SeccompPlace& place) {
  require_known(condition);
  std::vector<std::string> arches = texts(condition, "arches");
  if (std::ranges::find(arches, place.short_architecture) != arches.end()) return false;
  for (const std::string& name : texts(condition, "caps")) {
    if (has_capability(place, name)) return false;
  }
  return !condition.contains("minKernel") || !kernel_is_at_least(place, base::json_string(condition, "minKernel"));
}

bool applies(const Json& group, const SeccompPlace& place) {
  auto includes = group.find("includes");
  if (includes != group.end() && !includes->is_null() && !includes_hold(*includes, place)) return false;
  auto excludes = group.find("excludes");
  return excludes == group.end() || excludes->is_null() || excludes_hold(*excludes, place);
}

Json without_conditions(const Json& group) {
  Json result = Json::object();
  for (const auto& [name, value] : group.items()) {
    if (name == "includes" || name == "excludes" || name == "comment" || value.is_null()) continue;
    if (name == "errno" && group.contains("errnoRet")) continue;  // podman: the same once more, by name
    if (name == "args" && value.empty()) continue;
    result[name] = value;
  }
  return result;
}

Json architectures_of(const Json& map, const SeccompPlace& place) {
  if (!map.is_array()) throw base::Error(kWhere, "archMap", "not a list");
  for (const Json& entry : map) {
    if (!entry.is_object() || base::json_string(entry, "architecture") != place.architecture) continue;
    Json list = Json::array({place.architecture});
    for (const std::string& name : texts(entry, "subArchitectures")) list.push_back(name);
    return list;
  }
  return Json::array();
}

}  // namespace

SeccompPlace seccomp_place(Capabilities bounding) {
  SeccompPlace place{.bounding = bounding, .architecture = {}, .short_architecture = {}};
#if defined(__x86_64__)
  place.architecture = "SCMP_ARCH_X86_64";
  place.short_architecture = "amd64";
#elif defined(__aarch64__)
  place.architecture = "SCMP_ARCH_AARCH64";
  place.short_architecture = "arm64";
#endif
  utsname names = {};
  base::check(uname(&names), "uname");
  std::vector<std::string> parts = base::split(names.release, '.');
  place.kernel = static_cast<unsigned>(base::parse_unsigned(parts[0]).value_or(0));
  if (parts.size() > 1) place.minor = static_cast<unsigned>(base::parse_unsigned(parts[1]).value_or(0));
  return place;
}

Json seccomp_of_file(const Json& file, const SeccompPlace& place) {
  if (!file.is_object()) throw base::Error(kWhere, "", "not an object");
  Json result = Json::object();
  for (const auto& [name, value] : file.items()) {
    if (name == "archMap") {
      result["architectures"] = architectures_of(value, place);
    } else if (name == "syscalls" && value.is_array()) {
      result["syscalls"] = Json::array();
      for (const Json& group : value) {
        if (!group.is_object()) throw base::Error(kWhere, "syscalls", "not a list of objects");
        if (applies(group, place)) result["syscalls"].push_back(without_conditions(group));
      }
    } else if (name != "defaultErrno" || !file.contains("defaultErrnoRet")) {
      result[name] = value;
    }
  }
  return result;
}

}  // namespace runtime
