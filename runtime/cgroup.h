#pragma once
// cgroup v2 (Documentation/admin-guide/cgroup-v2.rst): one directory a container, made directly below the mount when
// there is no systemd, else inside a scope that systemd delegates to us.

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

// Where cgroup v2 is mounted ("/sys/fs/cgroup", or "/sys/fs/cgroup/unified" beside v1); "" when it is not.
std::string cgroup_mount();
// The same from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::string cgroup_mount_in(std::string_view mountinfo);

class Cgroup {
 public:
  // Makes the directory `path` (absolute, below the mount), with every controller that is there enabled down to it.
  static Cgroup create(const std::string& mount, const std::string& path);
  explicit Cgroup(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool exists() const;

  // Throws an Error that names the missing controller for a limit which cannot be set.
  void set_limits(const Resources& resources) const;

  void add_process(int pid) const;
  base::Fd open() const;               // for CLONE_INTO_CGROUP
  std::vector<int> processes() const;  // of this directory and those below
  std::optional<std::string> read(const std::string& knob) const;
  bool out_of_memory_killed() const;  // memory.events: oom_kill above 0

  void kill_all() const;  // cgroup.kill; no error when it is gone
  // Removes the directory and those below. False when processes are still there after `milliseconds`.
  bool remove(int milliseconds) const;

 private:
  std::string path_;
};

// True when systemd is this machine's init (sd_booted(3)).
bool systemd_is_running();

// Moves `pid` into a new scope container-<id>.scope and there into a cgroup of its own, and returns that.
Cgroup create_in_scope(const std::string& id, const std::string& description, int pid);

}  // namespace runtime
