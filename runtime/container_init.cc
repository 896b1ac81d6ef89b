// Why this order: trees and devices of the host are opened while the host's root is still there; a fresh proc and
// sysfs may be mounted in a user namespace only while the host's are visible (mount_too_revealing() in fs/namespace.c);
// limits and working directory are set before privileges go; the filter comes last, since it denies most of the above.
// Nothing is looked up by path inside the container's root but with openat2(RESOLVE_IN_ROOT), for the image may hold
// any symbolic link.

#include "runtime/container_init.h"

#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/network_link.h"
#include "runtime/user_spec.h"

namespace runtime {
namespace {

// A directory that every Linux has and that everybody may enter: the container's root is mounted over it for the
// moment before pivot_root(2), in this process' own mount namespace.
constexpr const char* kStagingPoint = "/run";

constexpr std::array<const char*, 6> kDevices = {"null", "zero", "full", "random", "urandom", "tty"};

// A change of ids or capabilities clears it, so it is said again after each.
void kill_when_parent_dies() {
  base::check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "set the parent-death signal");
}

void take_standard_files(InitFiles& files) {
  const std::array<std::pair<base::Fd*, int>, 3> wanted = {
      {{&files.standard_input, 0}, {&files.standard_output, 1}, {&files.standard_error, 2}}};
  for (const auto& [fd, number] : wanted) {
    if (fd->valid()) base::check(dup2(fd->get(), number), "set a standard file");
    fd->reset();
  }
}

void reset_signals() {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  base::check(sigprocmask(SIG_SETMASK, &none, nullptr), "unblock signals");
}

// From here on the process is nobody on the host and root inside.
void become_root_of_namespace(const ContainerSpec& spec) {
  if (!spec.namespaces.user) return;
  base::check(setgroups(0, nullptr), "drop groups");
  base::check(setresgid(0, 0, 0), "become group 0 of the user namespace");
  base::check(setresuid(0, 0, 0), "become user 0 of the user namespace");
  if (spec.die_with_parent) kill_when_parent_dies();
}

// After the parent has put us into our cgroup, so that this cgroup is the root of what we see.
void make_cgroup_namespace(const ContainerSpec& spec) {
  if (spec.namespaces.cgroup) base::check(unshare(CLONE_NEWCGROUP), "make a cgroup namespace");
}

void set_host_name(const ContainerSpec& spec) {
  if (spec.host_name.empty()) return;
  base::check(sethostname(spec.host_name.data(), spec.host_name.size()), "set the host name", spec.host_name);
}

base::Fd attach_root(const base::Fd& tree) {
  base::Fd point = base::open_file(kStagingPoint, O_PATH | O_DIRECTORY);
  attach(tree, point, kStagingPoint);
  return base::open_file(kStagingPoint, O_PATH | O_DIRECTORY);
}

// A null device for masking must be the host's own (CVE-2025-31133).
base::Fd host_device(const char* name) {
  std::string path = std::string("/dev/") + name;
  base::Fd device = base::open_file(path, O_PATH);
  struct stat status = {};
  base::check(fstat(device.get(), &status), "stat", path);
  if (!S_ISCHR(status.st_mode)) throw base::Error("use device", path, "not a character device");
  if (std::string_view(name) == "null" && status.st_rdev != makedev(1, 3)) {
    throw base::Error("use device", path, "not the null device");
  }
  return device;
}

bool is_directory(const base::Fd& fd) {
  struct stat status = {};
  base::check(fstat(fd.get(), &status), "stat");
  return S_ISDIR(status.st_mode);
}

// Kernel file systems never follow a link of the image; a volume may (/var/run is one in many images).
Links links_for(const Mount& mount) {
  bool kernel = mount.type == "proc" || mount.type == "sysfs" || mount.type == "devpts" || mount.type == "mqueue" ||
                mount.type == "cgroup" || mount.destination == "/dev";
  return kernel ? Links::kRefuse : Links::kFollow;
}

base::Fd make_mount(const Mount& mount) {
  std::string type = mount.type == "cgroup" ? "cgroup2" : mount.type;
  return new_filesystem(type, mount.parameters, mount.attributes);
}

// Bind trees came from the parent, in the order of the mounts; the others are made here, owned by our namespaces.
void mount_all(const ContainerSpec& spec, const base::Fd& root, Channel& channel) {
  for (const Mount& mount : spec.mounts) {
    base::Fd tree;
    if (mount.type == "bind") {
      tree = channel.expect(kTree).fd;
    } else {
      tree = make_mount(mount);
    }
    base::Fd target = make_below(root, mount.destination, is_directory(tree), links_for(mount));
    attach(tree, target, mount.destination);
  }
}

void make_devices(const base::Fd& root) {
  base::Fd directory = find_below(root, "/dev", O_PATH | O_DIRECTORY, Links::kRefuse);
  if (!directory) return;
  for (const char* name : kDevices) {
    base::Fd tree = clone_tree_at(host_device(name), false);
    base::Fd file(openat(directory.get(), name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file && errno != EEXIST) base::throw_errno("create in the container", std::string("/dev/") + name);
    base::Fd target = find_below(root, std::string("/dev/") + name, O_PATH, Links::kRefuse);
    if (!target) throw base::Error("create in the container", std::string("/dev/") + name, "it vanished");
    attach(tree, target, std::string("/dev/") + name);
  }
  constexpr std::array<std::pair<const char*, const char*>, 5> kLinks = {{{"pts/ptmx", "ptmx"},
                                                                          {"/proc/self/fd", "fd"},
                                                                          {"/proc/self/fd/0", "stdin"},
                                                                          {"/proc/self/fd/1", "stdout"},
                                                                          {"/proc/self/fd/2", "stderr"}}};
  for (const auto& [value, name] : kLinks) {
    if (symlinkat(value, directory.get(), name) < 0 && errno != EEXIST) base::throw_errno("link", name);
  }
}

// Only a /dev of the container's own gets nodes: never the image's directory, and never a bind of the host's.
bool has_own_devices(const ContainerSpec& spec) {
  for (const Mount& mount : spec.mounts) {
    if (mount.destination == "/dev" && mount.type == "tmpfs") return true;
  }
  return false;
}

void mask_paths(const ContainerSpec& spec, const base::Fd& root) {
  if (spec.masked_paths.empty()) return;
  base::Fd null = host_device("null");
  base::Fd empty = new_filesystem("tmpfs", {{"mode", "555"}, {"size", "4k"}, {"nr_inodes", "1"}},
                                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  bool empty_used = false;
  for (const std::string& path : spec.masked_paths) {
    base::Fd target = find_below(root, path, O_PATH, Links::kFollow);
    if (!target) continue;
    if (!is_directory(target)) {
      attach(clone_tree_at(null, false), target, path);
      continue;
    }
    if (!empty_used) {
      attach(empty, target, path);
      empty = find_below(root, path, O_PATH, Links::kFollow);
      empty_used = true;
    } else {
      attach(clone_tree_at(empty, false), target, path);
    }
  }
}

void make_paths_read_only(const ContainerSpec& spec, const base::Fd& root) {
  for (const std::string& path : spec.read_only_paths) {
    base::Fd target = find_below(root, path, O_PATH, Links::kFollow);
    if (!target) continue;
    base::Fd tree = clone_tree_at(target, true);
    change_attributes(tree, MOUNT_ATTR_RDONLY, 0, true, path);
    attach(tree, target, path);
  }
}

void enter_root(const ContainerSpec& spec, const base::Fd& root) {
  base::check(fchdir(root.get()), "enter the container's root");
  base::check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  // The old root is mounted on top of the new one now: take it away.
  base::check(umount2(".", MNT_DETACH), "detach the host's root");
  base::check(chdir("/"), "enter the container's root");
  if (!spec.root.read_only) return;
  base::Fd here = base::open_file("/", O_PATH | O_DIRECTORY);
  change_attributes(here, MOUNT_ATTR_RDONLY, 0, false, "/");
}

// As root, since the user may lack the right; not when the root is read-only.
void make_working_directory(const ContainerSpec& spec) {
  base::Fd root = base::open_file("/", O_PATH | O_DIRECTORY);
  if (find_below(root, spec.process.working_directory, O_PATH, Links::kFollow)) return;
  make_below(root, spec.process.working_directory, true, Links::kFollow);
}

// Keyrings are not namespaced: ours must not be the container's. Kernels without keyrings say ENOSYS.
void leave_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM) {
    base::throw_errno("make a session keyring");
  }
}

void wait_for_start(base::Fd& listener, Channel& channel) {
  if (!listener) return;
  channel.send(kReady);
  base::Fd connection(base::check(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "wait to be started"));
  listener.reset();
  // The one who starts us hears what went wrong; the creator has gone.
  channel = Channel(std::move(connection));
}

ResolvedUser look_up_user(const Process& process) {
  base::Fd root = base::open_file("/", O_PATH | O_DIRECTORY);
  auto read = [&](const char* path) -> std::string {
    base::Fd file = find_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::kFollow);
    struct stat status = {};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
    return base::read_all(file, 1024 * 1024);
  };
  return resolve_user(process.user, read("/etc/passwd"), read("/etc/group"));
}

void become_user(const Process& process, const ResolvedUser& user) {
  std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
  groups.insert(groups.end(), process.additional_groups.begin(), process.additional_groups.end());
  base::check(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities over the change of user");
  base::check(setgroups(groups.size(), groups.data()), "set groups");
  base::check(setresgid(user.gid, user.gid, user.gid), "become group", std::to_string(user.gid));
  base::check(setresuid(user.uid, user.uid, user.uid), "become user", std::to_string(user.uid));
  base::check(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), "set keep-capabilities");
}

// Pipes for our output, so that /dev/stdout can be opened by a user other than root. Files and terminals keep their
// owner.
void give_output(const ResolvedUser& user) {
  for (int number : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status = {};
    if (fstat(number, &status) < 0 || !S_ISFIFO(status.st_mode) || status.st_uid == user.uid) continue;
    // Somebody else's pipe (exec's): then it stays as it is.
    if (fchown(number, user.uid, static_cast<gid_t>(-1)) < 0 && errno != EPERM && errno != EINVAL) {
      base::throw_errno("give the output to user", std::to_string(user.uid));
    }
  }
}

// A working directory outside of the root would show as "(unreachable)…" (CVE-2024-21626).
void enter_working_directory(const Process& process) {
  base::check(chdir(process.working_directory.c_str()), "enter the working directory", process.working_directory);
  std::array<char, 4097> buffer = {};
  if (syscall(SYS_getcwd, buffer.data(), buffer.size()) < 0) {
    base::throw_errno("check the working directory", process.working_directory);
  }
  if (buffer[0] != '/') {
    throw base::Error("enter the working directory", process.working_directory, "it is outside of the container");
  }
}

std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (auto entry = environment.rbegin(); entry != environment.rend(); ++entry) {
    if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=') {
      return entry->substr(name.size() + 1);
    }
  }
  return "";
}

// Every way that execvp(3) would try; "" when none is executable, with errno set to the best reason.
int try_execute(const std::vector<std::string>& candidates, char* const* arguments, char* const* environment) {
  int reason = ENOENT;
  for (const std::string& path : candidates) {
    execve(path.c_str(), arguments, environment);
    if (errno == ENOENT || errno == ENOTDIR) continue;
    reason = errno;
    if (errno != EACCES) break;
  }
  return reason;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void execute(const Process& process, const ResolvedUser& user, Channel& channel) {
  std::vector<std::string> environment = process.environment;
  if (value_of(environment, "HOME").empty()) environment.push_back("HOME=" + user.home);
  const std::string& program = process.arguments.front();
  std::vector<std::string> candidates;
  if (program.find('/') != std::string::npos) {
    candidates.push_back(program);
  } else {
    for (const std::string& directory : base::split(value_of(environment, "PATH"), ':')) {
      candidates.push_back((directory.empty() ? "." : directory) + "/" + program);
    }
  }
  std::vector<char*> argument_pointers = pointers(process.arguments);
  std::vector<char*> environment_pointers = pointers(environment);
  int reason = try_execute(candidates, argument_pointers.data(), environment_pointers.data());
  report_and_exit(channel, reason == ENOENT ? 127 : 126, base::Error("execute", program, reason).what());
}

}  // namespace

void report_and_exit(Channel& channel, int code, const std::string& text) {
  try {
    channel.send(kError, code, text);
  } catch (const base::Error&) {
    // Nobody listens any more.
  }
  _exit(code);
}

void execute_process(const Process& process, Channel& channel, bool die_with_parent) {
  ResolvedUser user = look_up_user(process);
  leave_keyring();
  if (process.file_mode_mask) umask(*process.file_mode_mask);
  // Without no_new_privs the filter needs CAP_SYS_ADMIN, so it comes while we still have it.
  if (!process.no_new_privileges) install_seccomp(process.seccomp);
  give_output(user);
  limit_bounding_set(process.capabilities.bounding);
  become_user(process, user);
  enter_working_directory(process);
  apply_capabilities(process.capabilities);
  if (die_with_parent) kill_when_parent_dies();
  base::check(syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC), "close files");
  if (process.no_new_privileges) {
    base::check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    install_seccomp(process.seccomp);
  }
  execute(process, user, channel);
}

void container_main(const ContainerSpec& spec, Channel channel, InitFiles files) {
  try {
    if (spec.die_with_parent) kill_when_parent_dies();
    reset_signals();
    take_standard_files(files);
    base::Fd root_tree = channel.expect(kTree).fd;
    become_root_of_namespace(spec);
    base::check(setsid(), "make a session");
    base::Fd root = attach_root(root_tree);
    channel.expect(kGo);
    make_cgroup_namespace(spec);
    if (spec.namespaces.network) configure_inside(spec.network);
    set_host_name(spec);
    mount_all(spec, root, channel);
    if (has_own_devices(spec)) make_devices(root);
    mask_paths(spec, root);
    make_paths_read_only(spec, root);
    enter_root(spec, root);
    root.reset();
    if (!spec.root.read_only) make_working_directory(spec);
    wait_for_start(files.start_socket, channel);
    execute_process(spec.process, channel, spec.die_with_parent);
  } catch (const std::exception& error) {
    report_and_exit(channel, 125, error.what());
  }
}

}  // namespace runtime
