#include "runtime/cgroup_events.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup_stats.h"

namespace runtime {
namespace {

constexpr const char* kFile = "memory.events";

}  // namespace

OutOfMemoryWatch::OutOfMemoryWatch(const Cgroup& cgroup) : cgroup_(cgroup) {
  std::string path = cgroup.path() + "/" + kFile;
  if (!base::exists(path)) return;
  notifications_ = base::Fd(base::check(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "watch", path));
  base::check(inotify_add_watch(notifications_.get(), path.c_str(), IN_MODIFY), "watch", path);
  seen_ = kills();
}

std::uint64_t OutOfMemoryWatch::kills() const {
  return parse_keyed(cgroup_.read(kFile).value_or(""))["oom_kill"];
}

bool OutOfMemoryWatch::happened() {
  if (!notifications_) return false;
  std::array<char, 4096> ignored;
  while (read(notifications_.get(), ignored.data(), ignored.size()) > 0) {
  }
  std::uint64_t now = kills();
  if (now <= seen_) return false;
  seen_ = now;
  return true;
}

}  // namespace runtime
