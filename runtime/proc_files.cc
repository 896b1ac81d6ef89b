#include "runtime/proc_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

namespace runtime {
namespace {

// Magic numbers tell what a name cannot.
void check_is_proc(const base::Fd& fd, const std::string& path) {
  struct statfs status = {};
  base::check(fstatfs(fd.get(), &status), "stat", path);
  if (status.f_type != PROC_SUPER_MAGIC) throw base::Error("use /proc", path, "it is not on procfs");
}

base::Fd mount_proc() {
  base::Fd context(fsopen("proc", FSOPEN_CLOEXEC));
  if (!context || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return base::Fd();
  return base::Fd(fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

}  // namespace

base::Fd open_proc() {
  base::Fd proc = mount_proc();
  if (!proc) proc = base::open_file("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  check_is_proc(proc, "/proc");
  return proc;
}

void write_proc(const base::Fd& proc, const std::string& path, std::string_view value, const std::string& what) {
  open_how how = {};
  how.flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  base::Fd file(static_cast<int>(syscall(SYS_openat2, proc.get(), path.c_str(), &how, sizeof how)));
  if (!file) base::throw_errno(what, "/proc/" + path);
  check_is_proc(file, "/proc/" + path);
  ssize_t written = base::check(write(file.get(), value.data(), value.size()), what, "/proc/" + path);
  if (static_cast<std::size_t>(written) != value.size()) throw base::Error(what, "/proc/" + path, "only part of it");
}

}  // namespace runtime
