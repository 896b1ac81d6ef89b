#include "runtime/seccomp_filter.h"

#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxInstructions = BPF_MAXINSNS;

std::uint32_t action_by_name(const std::string& name, std::uint32_t error_number) {
  if (name == "SCMP_ACT_ALLOW") return SECCOMP_RET_ALLOW;
  if (name == "SCMP_ACT_LOG") return SECCOMP_RET_LOG;
  if (name == "SCMP_ACT_ERRNO") return SECCOMP_RET_ERRNO | error_number;
  if (name == "SCMP_ACT_TRAP") return SECCOMP_RET_TRAP;
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SECCOMP_RET_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SECCOMP_RET_KILL_PROCESS;
  throw base::Error("linux.seccomp", name, "unsupported action");
}

Comparison comparison_by_name(const std::string& name) {
  if (name == "SCMP_CMP_NE") return Comparison::kNotEqual;
  if (name == "SCMP_CMP_LT") return Comparison::kLess;
  if (name == "SCMP_CMP_LE") return Comparison::kLessOrEqual;
  if (name == "SCMP_CMP_EQ") return Comparison::kEqual;
  if (name == "SCMP_CMP_GE") return Comparison::kGreaterOrEqual;
  if (name == "SCMP_CMP_GT") return Comparison::kGreater;
  if (name == "SCMP_CMP_MASKED_EQ") return Comparison::kMaskedEqual;
  throw base::Error("linux.seccomp", name, "unsupported comparison");
}

std::uint32_t error_number_of(const base::Json& object, std::string_view member) {
  std::int64_t value = base::json_integer(object, member, EPERM);
  if (value < 0 || value > 4095) throw base::Error("linux.seccomp", member, "not an errno (0 to 4095)");
  return static_cast<std::uint32_t>(value);
}

std::uint64_t unsigned_member(const base::Json& object, const char* member) {
  auto found = object.find(member);
  if (found == object.end()) return 0;
  if (!found->is_number_integer()) throw base::Error("linux.seccomp", member, "not a whole number");
  return found->get<std::uint64_t>();
}

std::vector<std::vector<ArgumentCondition>> parse_arguments(const base::Json& arguments) {
  std::vector<ArgumentCondition> conditions;
  bool repeated = false;
  for (const base::Json& argument : arguments) {
    std::uint64_t index = unsigned_member(argument, "index");
    if (index > 5) throw base::Error("linux.seccomp.syscalls", "args.index", "a call has 6 arguments");
    for (const ArgumentCondition& other : conditions) repeated = repeated || other.index == index;
    conditions.push_back({.index = static_cast<unsigned>(index),
                          .comparison = comparison_by_name(base::json_string(argument, "op")),
                          .value = unsigned_member(argument, "value"),
                          .masked = unsigned_member(argument, "valueTwo")});
  }
  if (conditions.empty()) return {};
  // libseccomp wants an argument at most once in a rule; Docker's generator writes alternatives that way.
  if (!repeated) return {conditions};
  std::vector<std::vector<ArgumentCondition>> alternatives;
  for (const ArgumentCondition& condition : conditions) alternatives.push_back({condition});
  return alternatives;
}

SeccompProfile::Group parse_group(const base::Json& json) {
  for (const auto& [key, value] : json.items()) {
    if (key != "names" && key != "action" && key != "errnoRet" && key != "args") {
      throw base::Error("linux.seccomp.syscalls", key, "unsupported member");
    }
  }
  SeccompProfile::Group group;
  group.action = action_by_name(base::json_string(json, "action"), error_number_of(json, "errnoRet"));
  if (auto args = json.find("args"); args != json.end() && args->is_array()) {
    group.alternatives = parse_arguments(*args);
  }
  auto names = json.find("names");
  if (names == json.end() || !names->is_array()) throw base::Error("linux.seccomp.syscalls", "names", "missing");
  for (const base::Json& name : *names) {
    if (!name.is_string()) throw base::Error("linux.seccomp.syscalls", "names", "not a list of texts");
    group.names.push_back(name.get<std::string>());
  }
  return group;
}

void parse_architectures(const base::Json& names, SeccompProfile& profile) {
  for (const base::Json& name : names) {
    std::string text = name.is_string() ? name.get<std::string>() : "";
    std::string short_name = text.starts_with("SCMP_ARCH_") ? base::lower(text.substr(10)) : "";
    std::uint32_t token = short_name.empty() ? 0 : seccomp_arch_resolve_name(short_name.c_str());
    if (token == 0) throw base::Error("linux.seccomp.architectures", text, "unknown");
    if (token != seccomp_arch_native()) profile.architectures.push_back(token);
  }
}

void parse_flags(const base::Json& flags, SeccompProfile& profile) {
  for (const base::Json& flag : flags) {
    std::string text = flag.is_string() ? flag.get<std::string>() : "";
    if (text == "SECCOMP_FILTER_FLAG_LOG") {
      profile.log = true;
    } else if (text != "SECCOMP_FILTER_FLAG_TSYNC") {
      // (The container starts with one thread, so synchronising threads is what happens anyway.)
      throw base::Error("linux.seccomp.flags", text, "unsupported");
    }
  }
}

}  // namespace

SeccompProfile parse_seccomp(const base::Json& seccomp) {
  if (!seccomp.is_object()) throw base::Error("linux.seccomp", "", "not an object");
  for (const auto& [key, value] : seccomp.items()) {
    if (key != "defaultAction" && key != "defaultErrnoRet" && key != "architectures" && key != "syscalls" &&
        key != "flags") {
      throw base::Error("linux.seccomp", key, "unsupported member");
    }
  }
  SeccompProfile profile;
  profile.default_action =
      action_by_name(base::json_string(seccomp, "defaultAction"), error_number_of(seccomp, "defaultErrnoRet"));
  if (auto names = seccomp.find("architectures"); names != seccomp.end() && names->is_array()) {
    parse_architectures(*names, profile);
  }
  if (auto flags = seccomp.find("flags"); flags != seccomp.end() && flags->is_array()) parse_flags(*flags, profile);
  if (auto groups = seccomp.find("syscalls"); groups != seccomp.end() && groups->is_array()) {
    for (const base::Json& group : *groups) profile.groups.push_back(parse_group(group));
  }
  return profile;
}

BpfProgram compile_seccomp(const base::Json& seccomp) {
  SeccompProfile profile = parse_seccomp(seccomp);
  if (std::optional<BpfProgram> program = compile_directly(profile)) return std::move(*program);
  return compile_with_library(profile);
}

void install_seccomp(const BpfProgram& program) {
  if (program.empty()) return;
  sock_fprog code = {.len = static_cast<unsigned short>(program.size()),
                     .filter = const_cast<sock_filter*>(program.data())};
  base::check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code), "install the seccomp filter");
}

std::string seccomp_to_bytes(const BpfProgram& program) {
  return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
}

BpfProgram seccomp_from_bytes(std::string_view bytes) {
  if (bytes.size() % sizeof(sock_filter) != 0 || bytes.size() / sizeof(sock_filter) > kMaxInstructions) {
    throw base::Error("read the seccomp filter", "", "its length is not that of a program");
  }
  BpfProgram program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  return program;
}

}  // namespace runtime
