// New namespaces alone cost one clone3(2). Joining changes the caller: the runtime would end up in the container's
// network, hooks included, and could not come back from a user namespace; a time namespace gets its offsets between
// its making and its first process. So then a helper process joins and clones with CLONE_PARENT, which makes the
// container's process our child, and is gone.
//
// The user namespace is joined last: the others may belong to another one, over which only the host's root has rights.
// What is new is made after that, so that it belongs to the user namespace.

#include "runtime/namespaces.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

struct Kind {
  int flag;
  const char* name;
  bool Namespaces::* own;
  std::string Namespaces::* path;
};

// In the order of joining. A cgroup namespace of one's own is made later, when the process is in its cgroup.
constexpr std::array<Kind, 8> kKinds = {{
    {CLONE_NEWNET, "network", &Namespaces::network, &Namespaces::network_path},
    {CLONE_NEWIPC, "ipc", &Namespaces::ipc, &Namespaces::ipc_path},
    {CLONE_NEWUTS, "uts", &Namespaces::uts, &Namespaces::uts_path},
    {CLONE_NEWCGROUP, "cgroup", nullptr, &Namespaces::cgroup_path},
    {CLONE_NEWTIME, "time", &Namespaces::time, &Namespaces::time_path},
    {CLONE_NEWPID, "pid", &Namespaces::pid, &Namespaces::pid_path},
    {CLONE_NEWNS, "mount", nullptr, &Namespaces::mount_path},
    {CLONE_NEWUSER, "user", &Namespaces::user, &Namespaces::user_path},
}};

std::uint64_t new_namespaces(const Namespaces& namespaces) {
  std::uint64_t flags = namespaces.mount_path.empty() ? CLONE_NEWNS : 0;  // always one that is not the host's
  for (const Kind& kind : kKinds) {
    if (kind.own != nullptr && namespaces.*kind.own) flags |= static_cast<std::uint64_t>(kind.flag);
  }
  if (namespaces.user || !namespaces.user_path.empty())
    flags &= ~std::uint64_t{CLONE_NEWIPC};  // see make_ipc_namespace()
  return flags;
}

// Its root would be exchanged under everybody else in it.
void refuse_our_own(const base::Fd& mount_namespace, const std::string& path) {
  struct stat theirs = {};
  struct stat ours = {};
  base::check(fstat(mount_namespace.get(), &theirs), "stat", path);
  for (const char* own : {"/proc/self/ns/mnt", "/proc/1/ns/mnt"}) {
    if (stat(own, &ours) < 0) continue;  // what we may not look at is nothing that we could have opened
    if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev) {
      throw base::Error("join the mount namespace", path, "it is this machine's own");
    }
  }
}

void write_time_offsets(const std::map<std::string, std::string>& offsets) {
  std::string text;
  for (const auto& [clock, offset] : offsets) text += clock + " " + offset + "\n";
  base::write_all(base::open_file("/proc/self/timens_offsets", O_WRONLY), text);
}

// In the helper: tells the pid, or the reason why there is none.
int clone_as_helper(const ContainerSpec& spec, const JoinedNamespaces& joined, clone_args arguments,
                    base::Pipe answer) {
  try {
    answer.read.reset();
    if (spec.namespaces.time) {
      base::check(unshare(CLONE_NEWTIME), "make a time namespace");
      write_time_offsets(spec.time_offsets);
      arguments.flags &= ~std::uint64_t{CLONE_NEWTIME};
    }
    joined.join();
    arguments.flags |= CLONE_PARENT;
    arguments.exit_signal = 0;  // CLONE_PARENT takes ours, which is SIGCHLD
    long pid = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
    if (pid == 0) return 0;
    base::write_all(answer.write, std::to_string(pid));
  } catch (const std::exception& error) {
    base::write_all(answer.write, std::string("!") + error.what());
  }
  _exit(0);
}

void wait_for(int pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

JoinedNamespaces JoinedNamespaces::open(const Namespaces& namespaces) {
  JoinedNamespaces result;
  for (const Kind& kind : kKinds) {
    const std::string& path = namespaces.*kind.path;
    if (path.empty()) continue;
    base::Fd fd = base::open_file(path, O_RDONLY);
    if (ioctl(fd.get(), NS_GET_NSTYPE) != kind.flag) {
      throw base::Error("join namespace", path, "it is no " + std::string(kind.name) + " namespace");
    }
    if (kind.flag == CLONE_NEWNS) refuse_our_own(fd, path);
    result.joined_.push_back({std::move(fd), kind.flag, path});
  }
  return result;
}

void JoinedNamespaces::join() const {
  for (const Joined& one : joined_) {
    base::check(setns(one.fd.get(), one.kind), "join namespace", one.path);
  }
}

int clone_into_namespaces(const ContainerSpec& spec, const JoinedNamespaces& joined, clone_args arguments,
                          base::Fd& pid_fd) {
  arguments.flags |= new_namespaces(spec.namespaces);
  if (joined.empty() && spec.time_offsets.empty()) {
    int number = -1;
    arguments.flags |= CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&number);
    arguments.exit_signal = SIGCHLD;
    long pid = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
    if (pid != 0) pid_fd = base::Fd(number);
    return static_cast<int>(pid);
  }
  base::Pipe answer = base::make_pipe();
  pid_t helper = base::check(fork(), "fork");
  if (helper == 0) return clone_as_helper(spec, joined, arguments, std::move(answer));
  answer.write.reset();
  // The container's process has the pipe's other end, too, until it has said that it has begun: so one read.
  std::array<char, 4096> buffer = {};
  ssize_t length = base::check(read(answer.read.get(), buffer.data(), buffer.size()), "read from the helper");
  wait_for(helper);
  std::string text(buffer.data(), static_cast<std::size_t>(length));
  if (text.empty()) throw base::Error("join namespaces", "", "the helper died");
  if (text.starts_with('!')) throw base::Error(text.substr(1), "", "");
  int pid = static_cast<int>(base::parse_unsigned(text).value_or(0));
  pid_fd = base::Fd(base::check(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "open process", text));
  return pid;
}

void write_id_maps(int pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  for (const auto& [file, map] : {std::pair{"uid_map", &uids}, std::pair{"gid_map", &gids}}) {
    std::string text;
    for (const IdMapping& line : *map) {
      text +=
          std::to_string(line.inside) + " " + std::to_string(line.outside) + " " + std::to_string(line.count) + "\n";
    }
    std::string path = "/proc/" + std::to_string(pid) + "/" + file;
    base::write_all(base::open_file(path, O_WRONLY), text);
  }
}

base::Fd make_user_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  clone_args arguments = {};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  long pid = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
  if (pid == 0) {
    for (;;) pause();
  }
  auto end = [&] {
    kill(static_cast<pid_t>(pid), SIGKILL);
    wait_for(static_cast<int>(pid));
  };
  try {
    write_id_maps(static_cast<int>(pid), uids, gids);
    base::Fd result = base::open_file("/proc/" + std::to_string(pid) + "/ns/user", O_RDONLY);
    end();
    return result;
  } catch (...) {
    end();
    throw;
  }
}

}  // namespace runtime
