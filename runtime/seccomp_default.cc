// The default filter is made by the compiler: from the table of names (seccomp_profile.h) and the kernel's numbers for
// them (cmake/syscalls.cmake) to the array of instructions for the default capabilities, so that a start only hands a
// pointer to the kernel. Another set of capabilities takes the same way at run time.

#include <linux/audit.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "runtime/seccomp_filter.h"
#include "runtime/seccomp_profile.h"

namespace runtime {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kNativeArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the default filter needs this architecture's AUDIT_ARCH_ value"
#endif

struct CallNumber {
  std::string_view name;
  std::uint32_t number;
};
constexpr CallNumber kNumbers[] = {
#include <syscall_numbers.inc>
};

constexpr std::uint32_t kHighest = std::ranges::max(kNumbers, {}, &CallNumber::number).number;

// Every namespace flag of clone(2): CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}.
constexpr std::uint64_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
static_assert(kNamespaceFlags == 0x7E020000);

constexpr void add(std::vector<CallRule>& rules, std::string_view name, std::uint32_t action,
                   const std::vector<ArgumentCondition>& conditions = {}) {
  const CallNumber* found = std::ranges::lower_bound(kNumbers, name, {}, &CallNumber::name);
  if (found == std::end(kNumbers) || found->name != name) return;
  rules.push_back({.number = found->number, .action = action, .conditions = conditions});
}

constexpr void add_all(std::vector<CallRule>& rules, std::string_view names, std::uint32_t action) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    add(rules, names.substr(0, end), action);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

constexpr BpfProgram make_default(Capabilities bounding) {
  std::vector<CallRule> rules;
  for (std::string_view names : kAllowedCalls) add_all(rules, names, SECCOMP_RET_ALLOW);
  for (const CapabilityCalls& group : kCapabilityCalls) {
    if (bounding & group.capability) add_all(rules, group.calls, SECCOMP_RET_ALLOW);
  }
  // AF_ALG and AF_VSOCK (to the hypervisor) are not namespaced and are a large piece of kernel.
  // The family is an int: a comparison of all 64 bits would let 2^32 + AF_ALG through, which the kernel takes for
  // AF_ALG.
  const auto family = [&](Comparison comparison, std::uint64_t value) {
    add(rules, "socket", SECCOMP_RET_ALLOW, {{.comparison = comparison, .value = value, .word = true}});
  };
  family(Comparison::kLess, AF_ALG);
  family(Comparison::kEqual, AF_ALG + 1);
  family(Comparison::kGreater, AF_VSOCK);
  // PER_LINUX, PER_LINUX32, UNAME26 with either, and the query.
  for (std::uint64_t value : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    add(rules, "personality", SECCOMP_RET_ALLOW, {{.comparison = Comparison::kEqual, .value = value}});
  }
  if (bounding & capability(CAP_SYS_ADMIN)) {
    add_all(rules, "clone clone3", SECCOMP_RET_ALLOW);
  } else {
    add(rules, "clone", SECCOMP_RET_ALLOW, {{.comparison = Comparison::kMaskedEqual, .value = kNamespaceFlags}});
    // Its flags are in memory, where a filter cannot look: absent, so that the C library uses clone.
    add_all(rules, kAbsentCalls, SECCOMP_RET_ERRNO | ENOSYS);
  }
  // A C library tries a new call and falls back when it is told ENOSYS, and EPERM would break it: so what is above the
  // numbers that this build knows is absent (x32's calls, too: they have bit 30).
  return make_seccomp_program({{.architecture = kNativeArchitecture, .highest = kHighest, .rules = std::move(rules)}},
                              SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_KILL_THREAD);
}

// Of the default capabilities only CAP_SYS_CHROOT opens a call.
constexpr Capabilities kUsualCapabilities = capability(CAP_SYS_CHROOT);

constexpr auto kUsual = [] {
  std::array<sock_filter, make_default(kUsualCapabilities).size()> result = {};
  std::ranges::copy(make_default(kUsualCapabilities), result.begin());
  return result;
}();
static_assert(kUsual.size() < 800);

}  // namespace

BpfProgram default_seccomp_filter(Capabilities bounding) {
  Capabilities opening = 0;
  for (const CapabilityCalls& group : kCapabilityCalls) opening |= group.capability;
  if ((bounding & opening) == kUsualCapabilities) return {kUsual.begin(), kUsual.end()};
  return make_default(bounding);
}

std::uint32_t highest_known_call() {
  return kHighest;
}

}  // namespace runtime
