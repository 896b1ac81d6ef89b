#include "base/landlock.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace base {
namespace {

constexpr int kLeastVersion = 2;  // with LANDLOCK_ACCESS_FS_REFER
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kNeverGiven = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_IOCTL_DEV;
// Those that a rule about a file may have.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

// Older kernels take the attributes' beginning alone, and refuse bits that they do not know.
struct Rights {
  landlock_ruleset_attr attributes = {};
  std::size_t size = 0;
};

Rights rights_of_version(int version) {
  Rights rights;
  std::uint64_t files = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
  rights.size = offsetof(landlock_ruleset_attr, handled_access_net);
  if (version >= 3) files |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (version >= 4) {
    rights.attributes.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    rights.size = offsetof(landlock_ruleset_attr, scoped);
  }
  if (version >= 5) files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  rights.attributes.handled_access_fs = files;
  return rights;
}

void add_rule(const Fd& ruleset, const LandlockRule& rule, std::uint64_t handled) {
  struct stat status = {};
  check(fstat(rule.place.get(), &status), "stat", "a place for Landlock");
  std::uint64_t allowed = rule.right == LandlockRight::kRead ? kReading : handled & ~kNeverGiven;
  if (!S_ISDIR(status.st_mode)) allowed &= kOfFiles & handled;
  landlock_path_beneath_attr attributes = {.allowed_access = allowed, .parent_fd = rule.place.get()};
  check(syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &attributes, 0), "landlock_add_rule");
}

}  // namespace

bool restrict_files(std::span<const LandlockRule> rules) {
  const auto version =
      static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (version < kLeastVersion) return false;
  const Rights rights = rights_of_version(version);
  const Fd ruleset(static_cast<int>(
      check(syscall(SYS_landlock_create_ruleset, &rights.attributes, rights.size, 0), "landlock_create_ruleset")));
  for (const LandlockRule& rule : rules) add_rule(ruleset, rule, rights.attributes.handled_access_fs);
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0) return true;
  if (errno != EPERM) throw_errno("landlock_restrict_self");
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
  check(syscall(SYS_landlock_restrict_self, ruleset.get(), 0), "landlock_restrict_self");
  return true;
}

}  // namespace base
