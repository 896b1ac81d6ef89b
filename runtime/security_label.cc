#include "runtime/security_label.h"

#include <string>

#include "base/error.h"
#include "base/file.h"
#include "runtime/proc_files.h"

namespace runtime {

bool has_label(const Process& process) {
  return !process.apparmor_profile.empty() || !process.selinux_label.empty();
}

bool apparmor_is_enabled() {
  return base::read_file_if_exists("/sys/module/apparmor/parameters/enabled").value_or("").starts_with('Y');
}

bool selinux_is_enabled() {
  return base::exists("/sys/fs/selinux/enforce");
}

void check_label_support(const ContainerSpec& spec) {
  if (!spec.process.apparmor_profile.empty() && !apparmor_is_enabled()) {
    throw base::Error("set", "process.apparmorProfile", "AppArmor is not enabled on this machine");
  }
  if (spec.process.selinux_label.empty() && spec.mount_label.empty()) return;
  if (selinux_is_enabled()) return;
  throw base::Error("config.json", spec.mount_label.empty() ? "process.selinuxLabel" : "linux.mountLabel",
                    "SELinux is not enabled on this machine");
}

void set_label(const Process& process, const base::Fd& proc) {
  if (!process.apparmor_profile.empty()) {
    write_proc(proc, "thread-self/attr/apparmor/exec", "exec " + process.apparmor_profile, "set the AppArmor profile");
  }
  if (!process.selinux_label.empty()) {
    write_proc(proc, "thread-self/attr/exec", process.selinux_label, "set the SELinux label");
  }
}

}  // namespace runtime
