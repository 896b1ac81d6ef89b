// Limits and working directory are set before privileges go; the filter comes last, since it denies most of the steps.

#include "runtime/execute_process.h"

#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/init_process.h"
#include "runtime/mount_api.h"
#include "runtime/scheduling.h"
#include "runtime/seccomp_listener.h"
#include "runtime/security_label.h"
#include "runtime/user_spec.h"

namespace runtime {
namespace {

// Keyrings are not namespaced: ours must not be the container's. Kernels without keyrings say ENOSYS.
void leave_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM) {
    base::throw_errno("make a session keyring");
  }
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

// Pipes for our output, and a terminal of our own, so that /dev/stdout and /dev/tty can be opened by a user other than
// root. Files and the terminals of others keep their owner.
void give_output(const Process& process, const ResolvedUser& user) {
  if (process.terminal) {
    base::check(fchown(STDIN_FILENO, user.uid, static_cast<gid_t>(-1)), "give the terminal to user",
                std::to_string(user.uid));
  }
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

// Of entries with the same name the last one holds, also for programs that take the first (getenv(3)).
std::vector<std::string> last_of_each_name(const std::vector<std::string>& environment) {
  std::vector<std::string> result;
  for (auto entry = environment.begin(); entry != environment.end(); ++entry) {
    std::string name = entry->substr(0, entry->find('=')) + "=";
    bool again = std::any_of(entry + 1, environment.end(), [&](const std::string& e) { return e.starts_with(name); });
    if (!again) result.push_back(*entry);
  }
  return result;
}

// Every way that execvp(3) would try.
std::vector<std::string> candidates_of(const Process& process) {
  const std::string& program = process.arguments.front();
  if (program.contains('/')) return {program};
  std::vector<std::string> candidates;
  for (const std::string& directory : base::split(value_of(process.environment, "PATH"), ':')) {
    candidates.push_back((directory.empty() ? "." : directory) + "/" + program);
  }
  return candidates;
}

// Tries them; "" when none is executable, with errno set to the best reason.
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

[[noreturn]] void report_not_executed(const Process& process, int reason, Channel& channel) {
  report_and_exit(channel, reason == ENOENT ? 127 : 126,
                  base::Error("execute", process.arguments.front(), reason).what());
}

[[noreturn]] void execute(const Process& process, const ResolvedUser& user, Channel& channel) {
  std::vector<std::string> environment = last_of_each_name(process.environment);
  if (value_of(environment, "HOME").empty()) environment.push_back("HOME=" + user.home);
  std::vector<std::string> candidates = candidates_of(process);
  std::vector<char*> argument_pointers = pointers(process.arguments);
  std::vector<char*> environment_pointers = pointers(environment);
  int reason = try_execute(candidates, argument_pointers.data(), environment_pointers.data());
  report_not_executed(process, reason, channel);
}

}  // namespace

void require_program(const Process& process, Channel& channel) {
  int reason = ENOENT;
  for (std::string path : candidates_of(process)) {
    if (!path.starts_with('/')) path.insert(0, process.working_directory + "/");
    struct stat status = {};
    if (stat(path.c_str(), &status) < 0) {
      if (errno == ENOENT || errno == ENOTDIR) continue;
      return;  // whatever this is, execve will say it
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0) return;
    reason = EACCES;
  }
  report_not_executed(process, reason, channel);
}

void kill_when_parent_dies() {
  base::check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "set the parent-death signal");
}

void report_and_exit(Channel& channel, int code, const std::string& text) {
  try {
    channel.send(kError, code, text);
  } catch (const base::Error&) {
    // Nobody listens any more.
  }
  _exit(code);
}

void execute_process(const Process& process, Channel& channel, bool die_with_parent, const base::Fd& proc,
                     const std::function<void()>& last) {
  ResolvedUser user = look_up_user(process);
  if (process.new_keyring) leave_keyring();
  apply_personality(process);
  apply_memory_policy(process);
  if (process.file_mode_mask) umask(*process.file_mode_mask);
  // Without no_new_privs the filter needs CAP_SYS_ADMIN, so it comes while we still have it.
  if (!process.no_new_privileges) load_seccomp(process.seccomp, channel);
  give_output(process, user);
  limit_bounding_set(process.capabilities.bounding);
  become_user(process, user);
  enter_working_directory(process);
  apply_capabilities(process.capabilities);
  if (die_with_parent) kill_when_parent_dies();
  set_label(process, proc);
  base::check(syscall(SYS_close_range, 3 + process.preserved_files, ~0u, CLOSE_RANGE_CLOEXEC), "close files");
  if (process.no_new_privileges) {
    base::check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    load_seccomp(process.seccomp, channel);
  }
  if (last) last();
  if (process.init) continue_below_init(channel);
  execute(process, user, channel);
}

}  // namespace runtime
