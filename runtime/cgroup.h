#pragma once
// The files of one cgroup v2 directory (Documentation/admin-guide/cgroup-v2.rst). Where it lies: below the mount, made
// by us, or inside a scope that systemd delegates to us (cgroup_scope.h).

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/resources.h"

namespace runtime {

// Where cgroup v2 is mounted ("/sys/fs/cgroup", or "/sys/fs/cgroup/unified" beside v1); "" when it is not.
std::string cgroup_mount();
// The same from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::string cgroup_mount_in(std::string_view mountinfo);

class Cgroup {
 public:
  // Makes the directory `path` (absolute, below the mount), with every controller that is there enabled down to it.
  // Those above it that were not there are marked as made by us.
  static Cgroup create(const std::string& mount, const std::string& path);
  explicit Cgroup(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool exists() const;

  // Throws an Error that names the missing controller for a limit which cannot be set. Device rules are not among them
  // (device_filter.h).
  void set_limits(const Resources& resources) const;

  // Lets the user make cgroups below and move processes there, without a say over its own limits: the directory and the
  // files that /sys/kernel/cgroup/delegate names become the user's (cgroup-v2.rst "Model of Delegation").
  void give_to(std::uint32_t uid) const;

  void add_process(int pid) const;
  base::Fd open() const;               // for CLONE_INTO_CGROUP
  std::vector<int> processes() const;  // of this directory and those below
  std::optional<std::string> read(const std::string& knob) const;
  bool out_of_memory_killed() const;  // memory.events: oom_kill above 0

  bool is_frozen() const;  // was asked to be, by cgroup.freeze
  // Returns when all of its processes have stopped, or go on. Throws when they do not within `milliseconds`.
  void set_frozen(bool frozen, int milliseconds) const;

  void kill_all() const;  // cgroup.kill; no error when it is gone
  // Removes the directory and those below. False when processes are still there after `milliseconds`.
  bool remove(int milliseconds) const;
  // Of the directories above, those that we made and that are empty, from the lowest up. Whoever made them: another
  // container that lay there may have ended later.
  void remove_made_parents() const;

 private:
  std::string path_;
};

// Lets the children of `directory` use these controllers, as far as it has them itself. No error when that cannot be:
// the limit that needs one names it.
void enable_controllers(const std::string& directory, const std::vector<std::string>& wanted);
// The same for each directory from the mount to the one above `path`.
void enable_controllers_down_to(const std::string& path, const std::vector<std::string>& wanted);

}  // namespace runtime
