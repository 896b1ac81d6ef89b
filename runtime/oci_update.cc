#include "runtime/oci_update.h"

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup_stats.h"
#include "runtime/resources.h"

namespace runtime {
namespace {

enum class Kind { kBytes, kNumber, kText };

// An option, and the member that it says.
struct Member {
  const char* option;
  const char* value;
  const char* help;
  const char* group;
  const char* name;
  Kind kind;
};

constexpr std::array kMembers = {
    Member{"blkio-weight", "NUMBER", "share of the disks' time, 10 to 1000", "blockIO", "weight", Kind::kNumber},
    Member{"cpu-period", "MICROSECONDS", "period of the quota", "cpu", "period", Kind::kNumber},
    Member{"cpu-quota", "MICROSECONDS", "processor time in each period; -1: no limit", "cpu", "quota", Kind::kNumber},
    Member{"cpu-burst", "MICROSECONDS", "what may be saved up beyond the quota", "cpu", "burst", Kind::kNumber},
    Member{"cpu-share", "NUMBER", "share of the processors' time, 2 to 262144", "cpu", "shares", Kind::kNumber},
    Member{"cpu-idle", "0|1", "run only when nobody else wants to", "cpu", "idle", Kind::kNumber},
    Member{"cpuset-cpus", "LIST", "processors, as 0-3,7", "cpu", "cpus", Kind::kText},
    Member{"cpuset-mems", "LIST", "memory nodes, as 0,1", "cpu", "mems", Kind::kText},
    Member{"memory", "BYTES", "most memory, as 64m; -1: no limit", "memory", "limit", Kind::kBytes},
    Member{"memory-reservation", "BYTES", "memory that is protected", "memory", "reservation", Kind::kBytes},
    Member{"memory-swap", "BYTES", "most memory and swap together; -1: no limit", "memory", "swap", Kind::kBytes},
    Member{"pids-limit", "NUMBER", "most processes and threads; -1: no limit", "pids", "limit", Kind::kNumber},
};

base::Json value_of(const Member& member, const std::string& text) {
  if (member.kind == Kind::kText) return text;
  if (text == "-1") return -1;
  std::optional<std::uint64_t> number =
      member.kind == Kind::kBytes ? base::parse_size(text) : base::parse_unsigned(text);
  if (number && *number <= INT64_MAX) return *number;
  throw base::UsageError("--" + std::string(member.option) + " '" + text + "': expected " +
                         (member.kind == Kind::kBytes ? "bytes, as 64m or 1g" : "a number") + ", or -1 for no limit");
}

}  // namespace

std::vector<base::Option> update_options() {
  std::vector<base::Option> options = {{.name = "resources",
                                        .letter = 'r',
                                        .value = "FILE",
                                        .help = "config.json's linux.resources alone; -: from standard input"}};
  for (const Member& member : kMembers) {
    options.push_back({.name = member.option, .value = member.value, .help = member.help});
  }
  return options;
}

base::Json resources_of_options(const base::Invocation& invocation, base::Json file) {
  for (const Member& member : kMembers) {
    if (!invocation.given(member.option)) continue;
    file[member.group][member.name] = value_of(member, invocation.get(member.option));
  }
  return file;
}

void complete_swap(base::Json& resources, std::string_view memory_max) {
  auto memory = resources.find("memory");
  if (memory == resources.end() || !memory->is_object()) return;
  auto says = [&](const char* name) {
    auto found = memory->find(name);
    return found != memory->end() && found->is_number_integer() && found->get<std::int64_t>() != 0;
  };
  if (!says("swap") || says("limit")) return;
  std::optional<std::uint64_t> present = parse_knob_number(memory_max);
  if (present && *present != kUnlimited) (*memory)["limit"] = *present;
}

}  // namespace runtime
