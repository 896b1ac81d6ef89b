#include "runtime/seccomp_filter.h"

#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxInstructions = BPF_MAXINSNS;

template <typename T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;

constexpr Names<std::uint32_t, 9> kActions = {{{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
                                               {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
                                               {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
                                               {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
                                               {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
                                               {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
                                               {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
                                               {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
                                               {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP}}};

constexpr Names<std::uint64_t, 4> kFlags = {
    {{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
     {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
     {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
     {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV}}};

template <typename T, std::size_t N>
const std::pair<std::string_view, T>* find_name(const Names<T, N>& names, std::string_view name) {
  const auto* found = std::ranges::find(names, name, &std::pair<std::string_view, T>::first);
  return found == names.end() ? nullptr : found;
}

// seccomp(2) "SECCOMP_SET_MODE_FILTER": flags are looked at before the program, which is not there.
bool kernel_has_flags(std::uint64_t flags) {
  if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

// An action with its errno from the two members: EPERM where none is given to one that has it.
std::uint32_t read_action(const base::Json& object, const char* action_member, const char* error_member) {
  std::string name = base::json_string(object, action_member);
  const auto* action = find_name(kActions, name);
  if (action == nullptr) throw base::Error("linux.seccomp", name, "unsupported action");
  // A tracer is told 16 bits; errors of the kernel end at 4095.
  std::int64_t highest = action->second == SECCOMP_RET_TRACE ? 65535 : 4095;
  bool has_errno = action->second == SECCOMP_RET_TRACE || action->second == SECCOMP_RET_ERRNO;
  auto given = object.find(error_member);
  if (given == object.end() || given->is_null()) return action->second | (has_errno ? EPERM : 0);
  if (!has_errno) throw base::Error("linux.seccomp", error_member, name + " takes none");
  std::int64_t value = given->is_number_integer() ? base::json_integer(object, error_member, EPERM) : -1;
  if (value < 0 || value > highest) {
    throw base::Error("linux.seccomp", error_member, "not an errno (0 to " + std::to_string(highest) + ")");
  }
  return action->second | static_cast<std::uint32_t>(value);
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
  group.action = read_action(json, "action", "errnoRet");
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
    const auto* known = find_name(kFlags, text);
    if (known == nullptr) throw base::Error("linux.seccomp.flags", text, "unsupported");
    if (!kernel_has_flags(known->second))
      throw base::Error("linux.seccomp.flags", text, "this kernel does not have it");
    profile.flags |= known->second;
  }
}

void parse_listener(const base::Json& seccomp, SeccompProfile& profile) {
  profile.listener.path = base::json_string(seccomp, "listenerPath");
  profile.listener.metadata = base::json_string(seccomp, "listenerMetadata");
  if (profile.default_action == SECCOMP_RET_USER_NOTIF) {
    throw base::Error("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY", "is for single calls");
  }
  bool notifies = std::ranges::contains(profile.groups, SECCOMP_RET_USER_NOTIF, &SeccompProfile::Group::action);
  if (profile.listener.path.empty()) {
    if (notifies) throw base::Error("linux.seccomp.listenerPath", "", "SCMP_ACT_NOTIFY needs it");
    if (profile.listener.metadata.empty()) return;
    throw base::Error("linux.seccomp.listenerMetadata", "", "needs listenerPath");
  }
  if (!profile.listener.path.starts_with('/')) {
    throw base::Error("linux.seccomp.listenerPath", profile.listener.path, "expected an absolute path");
  }
  // Nobody would ever hear anything: the specification has the member mean nothing then.
  if (!notifies) profile.listener = {};
}

}  // namespace

std::vector<std::string> seccomp_action_names() {
  std::vector<std::string> names;
  for (const auto& [name, action] : kActions) names.emplace_back(name);
  return names;
}

std::vector<std::string> seccomp_flag_names() {
  std::vector<std::string> names;
  for (const auto& [name, flag] : kFlags) names.emplace_back(name);
  return names;
}

std::vector<std::string> seccomp_flag_names_of_kernel() {
  std::vector<std::string> names;
  for (const auto& [name, flag] : kFlags) {
    if (kernel_has_flags(flag)) names.emplace_back(name);
  }
  return names;
}

SeccompProfile parse_seccomp(const base::Json& seccomp) {
  if (!seccomp.is_object()) throw base::Error("linux.seccomp", "", "not an object");
  for (const auto& [key, value] : seccomp.items()) {
    if (key != "defaultAction" && key != "defaultErrnoRet" && key != "architectures" && key != "syscalls" &&
        key != "flags" && key != "listenerPath" && key != "listenerMetadata") {
      throw base::Error("linux.seccomp", key, "unsupported member");
    }
  }
  SeccompProfile profile;
  profile.default_action = read_action(seccomp, "defaultAction", "defaultErrnoRet");
  if (auto names = seccomp.find("architectures"); names != seccomp.end() && names->is_array()) {
    parse_architectures(*names, profile);
  }
  if (auto flags = seccomp.find("flags"); flags != seccomp.end() && flags->is_array()) parse_flags(*flags, profile);
  if (auto groups = seccomp.find("syscalls"); groups != seccomp.end() && groups->is_array()) {
    for (const base::Json& group : *groups) profile.groups.push_back(parse_group(group));
  }
  parse_listener(seccomp, profile);
  return profile;
}

SeccompFilter compile_seccomp(const base::Json& seccomp) {
  SeccompProfile profile = parse_seccomp(seccomp);
  SeccompFilter filter{.flags = profile.flags, .listener = profile.listener};
  std::optional<BpfProgram> program = compile_directly(profile);
  filter.program = program ? std::move(*program) : compile_with_library(profile);
  return filter;
}

base::Fd install_seccomp(const SeccompFilter& filter) {
  if (filter.program.empty()) return {};
  sock_fprog code = {.len = static_cast<unsigned short>(filter.program.size()),
                     .filter = const_cast<sock_filter*>(filter.program.data())};
  std::uint64_t flags = filter.flags;
  if (filter.listener.path.empty()) {
    // It says how to wait for a listener, and the kernel wants it with one only.
    flags &= ~std::uint64_t{SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
    base::check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code), "install the seccomp filter");
    return {};
  }
  // The one thread beside us is the helper, which must stay free of it (seccomp_listener.cc); the program gets none.
  flags &= ~std::uint64_t{SECCOMP_FILTER_FLAG_TSYNC};
  flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return base::Fd(base::check(static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code)),
                              "install the seccomp filter"));
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
