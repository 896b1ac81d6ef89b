// Two ways from a profile to a program. The direct one is for what podman, Docker and containerd pass: some 380 names
// that are allowed above EPERM, for x86-64, x86 and x32. libseccomp takes 25 ms of processor time for it, several times
// as long as everything else that starts a container; here it is under one. Whatever is not of that shape goes to
// libseccomp, which also knows the numbers of all architectures, and whose programs the direct ones are compared with
// (the test runs both in an interpreter).
//
// A thing to know of x86: its older C libraries reach sockets and System V's calls through socketcall(2) and ipc(2), so
// a name of those stands for two numbers, and of the arguments only the first, which tells the call, can be seen there.

#include <linux/audit.h>
#include <seccomp.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "runtime/seccomp_filter.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxInstructions = BPF_MAXINSNS;

bool denies_with_errno(const SeccompProfile& profile) {
  return (profile.default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
}

// --- directly

#if defined(__x86_64__)
constexpr std::uint32_t kNativeAudit = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kSocketCall = 102;
constexpr std::uint32_t kIpc = 117;

// libseccomp's own numbers for calls that x86 multiplexes (seccomp.h: __PNR_*): -101 is socketcall's 1, -201 ipc's 1.
void add_multiplexed(std::vector<CallRule>& rules, int pseudo, CallRule rule) {
  const int number = -pseudo;
  ArgumentCondition which{.index = 0, .comparison = Comparison::kEqual};
  which.value = static_cast<std::uint64_t>(number % 100);
  rule.number = number >= 200 ? kIpc : kSocketCall;
  std::erase_if(rule.conditions, [](const ArgumentCondition& condition) { return condition.index == 0; });
  rule.conditions.insert(rule.conditions.begin(), which);
  rules.push_back(std::move(rule));
}

// The number that x86 has given such a call of its own, since 4.3; -1 when it has none.
int direct_number_on_x86(const std::string& name) {
  struct Direct {
    std::string_view name;
    int number;
  };
  static constexpr Direct kDirect[] = {
      {"socket", 359},   {"socketpair", 360}, {"bind", 361},       {"connect", 362},     {"listen", 363},
      {"accept4", 364},  {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
      {"sendto", 369},   {"sendmsg", 370},    {"recvfrom", 371},   {"recvmsg", 372},     {"shutdown", 373},
      {"recvmmsg", 337}, {"sendmmsg", 345},   {"semget", 393},     {"semctl", 394},      {"shmget", 395},
      {"shmctl", 396},   {"shmat", 397},      {"shmdt", 398},      {"msgget", 399},      {"msgsnd", 400},
      {"msgrcv", 401},   {"msgctl", 402},
  };
  const Direct* found = std::ranges::find(kDirect, name, &Direct::name);
  return found == std::end(kDirect) ? -1 : found->number;
}
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeAudit = AUDIT_ARCH_AARCH64;
#endif

void add_call(ArchitectureRules& architecture, std::uint32_t token, const std::string& name, const CallRule& rule) {
  int number = seccomp_syscall_resolve_name_arch(token, name.c_str());
  if (number == __NR_SCMP_ERROR) return;
#if defined(__x86_64__)
  if (number < 0 && token == SCMP_ARCH_X86 && number <= -101 && number >= -224) {
    add_multiplexed(architecture.rules, number, rule);
    number = direct_number_on_x86(name);
  }
#endif
  if (number < 0) return;
  CallRule numbered = rule;
  numbered.number = static_cast<std::uint32_t>(number);
  architecture.rules.push_back(std::move(numbered));
}

ArchitectureRules rules_for(const SeccompProfile& profile, std::uint32_t token) {
  ArchitectureRules result;
  for (const SeccompProfile::Group& group : profile.groups) {
    if (group.action == profile.default_action) continue;
    for (const std::string& name : group.names) {
      CallRule rule{.action = group.action};
      if (group.alternatives.empty()) add_call(result, token, name, rule);
      for (const std::vector<ArgumentCondition>& conditions : group.alternatives) {
        rule.conditions = conditions;
        add_call(result, token, name, rule);
      }
    }
  }
  return result;
}

// Two actions for one number: which one counts is libseccomp's knowledge.
bool has_contradictions(ArchitectureRules& architecture) {
  std::ranges::stable_sort(architecture.rules, {}, &CallRule::number);
  return std::ranges::adjacent_find(architecture.rules, [](const CallRule& a, const CallRule& b) {
           return a.number == b.number && a.action != b.action;
         }) != architecture.rules.end();
}

// --- by libseccomp, whose calls return a negative errno

void require(int result, std::string_view what) {
  if (result < 0) throw base::Error("make a seccomp filter", what, -result);
}

scmp_compare library_comparison(Comparison comparison) {
  switch (comparison) {
    case Comparison::kNotEqual:
      return SCMP_CMP_NE;
    case Comparison::kLess:
      return SCMP_CMP_LT;
    case Comparison::kLessOrEqual:
      return SCMP_CMP_LE;
    case Comparison::kEqual:
      return SCMP_CMP_EQ;
    case Comparison::kGreaterOrEqual:
      return SCMP_CMP_GE;
    case Comparison::kGreater:
      return SCMP_CMP_GT;
    case Comparison::kMaskedEqual:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

// A name that the machine's own architecture does not have may be another's ("mmap2"): libseccomp knows it by a number
// below 0.
void add_to_library(scmp_filter_ctx context, std::uint32_t action, const std::string& name,
                    const std::vector<ArgumentCondition>& conditions) {
  int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) return;
  std::vector<scmp_arg_cmp> arguments;
  for (const ArgumentCondition& condition : conditions) {
    arguments.push_back({.arg = condition.index,
                         .op = library_comparison(condition.comparison),
                         .datum_a = condition.value,
                         .datum_b = condition.masked});
  }
  int result =
      seccomp_rule_add_array(context, action, number, static_cast<unsigned>(arguments.size()), arguments.data());
  // Where x86 hides the arguments, a second rule about them stands already, and libseccomp takes it on no architecture.
  // One allowance less is on the safe side; podman's profile has such rules for socket(2).
  if (result == -EEXIST && action == SCMP_ACT_ALLOW) return;
  require(result, name);
}

// libseccomp has one default action only, so calls that are newer than this build are answered in front of its program.
BpfProgram with_unknown_calls_absent(const BpfProgram& program) {
  namespace parts = seccomp_program;
  BpfProgram all = {
      parts::load(offsetof(seccomp_data, arch)), parts::jump(BPF_JEQ, kNativeAudit, 0, 3),
      parts::load(offsetof(seccomp_data, nr)),   parts::jump(BPF_JGT, highest_known_call(), 0, 1),
      parts::answer(SECCOMP_RET_ERRNO | ENOSYS),
  };
  parts::append(all, program);
  if (all.size() > kMaxInstructions) throw base::Error("make a seccomp filter", "", "more than 4096 instructions");
  return all;
}

}  // namespace

std::optional<BpfProgram> compile_directly(const SeccompProfile& profile) {
  if (!denies_with_errno(profile)) return std::nullopt;
  std::vector<ArchitectureRules> architectures = {rules_for(profile, seccomp_arch_native())};
  architectures.front().architecture = kNativeAudit;
  architectures.front().highest = highest_known_call();
  for (std::uint32_t token : profile.architectures) {
#if defined(__x86_64__)
    if (token == SCMP_ARCH_X32) continue;  // its numbers have bit 30, and are absent like all that are so high
    if (token == SCMP_ARCH_X86) {
      architectures.push_back(rules_for(profile, token));
      architectures.back().architecture = AUDIT_ARCH_I386;
      architectures.back().wide = false;
      continue;
    }
#endif
    return std::nullopt;
  }
  for (ArchitectureRules& architecture : architectures) {
    if (has_contradictions(architecture)) return std::nullopt;
  }
  BpfProgram program = make_seccomp_program(std::move(architectures), profile.default_action, SECCOMP_RET_KILL_THREAD);
  if (program.size() > kMaxInstructions) return std::nullopt;
  return program;
}

BpfProgram compile_with_library(const SeccompProfile& profile) {
  std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(profile.default_action), seccomp_release);
  if (!filter) throw base::Error("make a seccomp filter", "", "libseccomp refuses the default action");
  require(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
  for (std::uint32_t token : profile.architectures) {
    int result = seccomp_arch_add(filter.get(), token);
    if (result != -EEXIST) require(result, "architecture");
  }
  for (const SeccompProfile::Group& group : profile.groups) {
    if (group.action == profile.default_action) continue;  // it happens anyway, and libseccomp refuses it
    for (const std::string& name : group.names) {
      if (group.alternatives.empty()) add_to_library(filter.get(), group.action, name, {});
      for (const std::vector<ArgumentCondition>& conditions : group.alternatives) {
        add_to_library(filter.get(), group.action, name, conditions);
      }
    }
  }
  std::size_t bytes = kMaxInstructions * sizeof(sock_filter);
  BpfProgram program(kMaxInstructions);
  require(seccomp_export_bpf_mem(filter.get(), program.data(), &bytes), "export");
  program.resize(bytes / sizeof(sock_filter));
  return denies_with_errno(profile) ? with_unknown_calls_absent(program) : program;
}

}  // namespace runtime
