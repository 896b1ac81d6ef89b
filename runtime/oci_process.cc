#include "runtime/oci_process.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "runtime/oci_scheduling.h"
#include "runtime/rlimits.h"

namespace runtime {
namespace {

rlim_t limit_value(ObjectReader& reader, const char* name) {
  std::int64_t value = reader.integer(name, 0, INT64_MAX).value_or(0);
  return value == INT64_MAX ? RLIM_INFINITY : static_cast<rlim_t>(value);
}

std::vector<ResourceLimit> parse_limits(ObjectReader& process) {
  std::vector<ResourceLimit> limits;
  for (ObjectReader& reader : process.objects("rlimits")) {
    std::string type = reader.text("type");
    constexpr std::string_view kPrefix = "RLIMIT_";
    std::string word = type.starts_with(kPrefix) ? base::lower(type.substr(kPrefix.size())) : "";
    std::optional<int> known = resource_limit_by_name(word);
    if (!known || resource_limit_name(*known) != type) refuse(reader.path_of("type"), "'" + type + "' is unknown");
    rlim_t soft = limit_value(reader, "soft");
    rlim_t hard = limit_value(reader, "hard");
    if (std::ranges::any_of(limits, [&](const ResourceLimit& l) { return l.resource == *known; })) {
      refuse(reader.path_of("type"), "'" + type + "' stands twice");
    }
    limits.push_back({.resource = *known, .limit = {soft, hard}});
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

void parse_terminal(ObjectReader& process, Process& result) {
  constexpr std::int64_t kMost = 65535;
  result.terminal = process.boolean("terminal");
  ObjectReader size = process.object("consoleSize");
  result.terminal_rows = static_cast<std::uint16_t>(size.integer("height", 0, kMost).value_or(0));
  result.terminal_columns = static_cast<std::uint16_t>(size.integer("width", 0, kMost).value_or(0));
  size.done();
}

}  // namespace

Process parse_process(ObjectReader process) {
  Process result;
  result.arguments = process.texts("args");
  if (result.arguments.empty()) refuse(process.path_of("args"), "missing");
  result.environment = process.texts("env");
  result.working_directory = process.text("cwd");
  if (!result.working_directory.starts_with('/')) refuse(process.path_of("cwd"), "expected an absolute path");
  parse_terminal(process, result);
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
  parse_scheduling(process, result);
  result.apparmor_profile = process.text("apparmorProfile");
  result.selinux_label = process.text("selinuxLabel");
  process.done();
  return result;
}

}  // namespace runtime
