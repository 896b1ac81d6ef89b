#include "runtime/cgroup_scope.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/systemd.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr const char* kSlice = "machine.slice";

}  // namespace

bool systemd_is_running() {
  struct stat status = {};
  return lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

Cgroup create_in_scope(const std::string& id, const std::string& description, int pid) {
  std::string mount = cgroup_mount();
  if (mount.empty()) throw base::Error("make a scope", id, "cgroup v2 is not mounted");
  std::string scope = base::connect_systemd()->start_scope("container-" + id + ".scope", kSlice, description, {pid});
  // A leaf of our own: systemd keeps the scope's own knobs, and a cgroup with processes cannot have controllers below.
  std::string directory = mount + "/" + std::string(base::trim(scope)).substr(scope.starts_with('/') ? 1 : 0);
  std::string leaf = directory + "/container";
  base::make_directories(leaf);
  Cgroup cgroup(leaf);
  cgroup.add_process(pid);
  enable_controllers(directory, {"cpu", "memory", "pids", "io"});
  return cgroup;
}

}  // namespace runtime
