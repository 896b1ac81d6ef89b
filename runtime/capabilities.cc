#include "runtime/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

// By number, from linux/capability.h.
constexpr std::array<std::string_view, 41> kNames = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
static_assert(kNames.size() == CAP_LAST_CAP + 1);

constexpr Capabilities bit(int number) {
  return Capabilities{1} << number;
}

}  // namespace

std::optional<Capabilities> capability_by_name(std::string_view name) {
  std::string wanted = base::lower(name);
  if (!wanted.starts_with("cap_")) wanted = "cap_" + wanted;
  for (std::size_t i = 0; i < kNames.size(); i++) {
    if (base::lower(kNames[i]) == wanted) return bit(static_cast<int>(i));
  }
  return std::nullopt;
}

std::vector<std::string> capability_names(Capabilities set) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNames.size(); i++) {
    if (set & bit(static_cast<int>(i))) names.emplace_back(kNames[i]);
  }
  return names;
}

CapabilitySets default_capabilities() {
  constexpr Capabilities kDefault = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) |
                                    bit(CAP_MKNOD) | bit(CAP_NET_RAW) | bit(CAP_SETGID) | bit(CAP_SETUID) |
                                    bit(CAP_SETFCAP) | bit(CAP_SETPCAP) | bit(CAP_NET_BIND_SERVICE) |
                                    bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);
  return {.bounding = kDefault, .effective = kDefault, .permitted = kDefault, .inheritable = 0, .ambient = 0};
}

Capabilities own_capabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data = {};
  base::check(syscall(SYS_capget, &header, data.data()), "read capabilities");
  return Capabilities{data[1].permitted} << 32 | data[0].permitted;
}

void limit_bounding_set(Capabilities bounding) {
  for (int number = 0; number < 64; number++) {
    if (bounding & bit(number)) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last one that this kernel knows
    if (errno == EPERM && prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0) continue;
    base::throw_errno("drop capability", std::to_string(number));
  }
}

void apply_capabilities(const CapabilitySets& sets) {
  base::check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear ambient capabilities");
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data = {};
  for (std::size_t half = 0; half < 2; half++) {
    std::size_t shift = half * 32;
    data[half].effective = static_cast<std::uint32_t>(sets.effective >> shift);
    data[half].permitted = static_cast<std::uint32_t>(sets.permitted >> shift);
    data[half].inheritable = static_cast<std::uint32_t>(sets.inheritable >> shift);
  }
  base::check(syscall(SYS_capset, &header, data.data()), "set capabilities");
  for (int number = 0; number <= CAP_LAST_CAP; number++) {
    if (!(sets.ambient & bit(number))) continue;
    base::check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0), "raise ambient capability",
                kNames[static_cast<std::size_t>(number)]);
  }
}

}  // namespace runtime
