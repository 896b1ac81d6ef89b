// What a shell cannot do to try a container's walls. Static, so that it runs in any root.
//
//   threat_probe calls             makes system calls that a container should not have, a line each: NAME RESULT, where
//                                  RESULT is the error's name, or "allowed"
//   threat_probe user              prints the effective user id
//   threat_probe exchange A B      exchanges two names as fast as it can (renameat2(2)), until it is killed
//   threat_probe watch             reads the open files of every process it can see as fast as it can, until it is
//                                  killed, and prints each one that does not belong to a program of this root

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>

namespace {

void report(const char* name, long result) {
  const int error = errno;
  std::printf("%s %s\n", name, result >= 0 ? "allowed" : strerrorname_np(error));
}

int calls() {
  report("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
  report("AF_VSOCK", socket(AF_VSOCK, SOCK_STREAM, 0));
  report("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
  report("add_key", syscall(SYS_add_key, "user", "k", "v", 1, KEY_SPEC_SESSION_KEYRING));
  io_uring_params ring = {};
  report("io_uring_setup", syscall(SYS_io_uring_setup, 1, &ring));
  report("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC));
  bpf_attr program = {};
  report("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &program, sizeof program));
  perf_event_attr event = {};
  event.size = sizeof event;
  report("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
  report("unshare", unshare(CLONE_NEWUSER));
  report("unshare_mount", unshare(CLONE_NEWNS));
  report("setns", setns(-1, CLONE_NEWNET));
  report("mount", mount("none", "/", nullptr, MS_REMOUNT, nullptr));
  report("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  report("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  report("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  report("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  report("init_module", syscall(SYS_init_module, nullptr, 0, ""));
  report("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, nullptr, 0));
  report("ptrace_init", syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 1));
  report("a_call_of_the_future", syscall(999));
  return 0;
}

int exchange(const char* a, const char* b) {
  for (;;) {
    if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0) {
      std::perror("renameat2");
      return 1;
    }
  }
}

std::string link_of(const std::string& path) {
  char target[4096];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
}

// Files of a program that this root does not have: the runtime's own, on its way in.
void look_at(const std::string& pid, std::set<std::string>& seen) {
  const std::string process = "/proc/" + pid;
  const std::string program = link_of(process + "/exe");
  if (program.empty() || program == link_of("/proc/self/exe") || access(program.c_str(), F_OK) == 0) return;
  DIR* files = opendir((process + "/fd").c_str());
  if (files == nullptr) return;
  while (const dirent* file = readdir(files)) {
    if (file->d_name[0] == '.') continue;
    const std::string line = program + " has " + link_of(process + "/fd/" + file->d_name);
    if (seen.insert(line).second) std::printf("%s\n", line.c_str());
  }
  closedir(files);
  std::fflush(stdout);
}

int watch() {
  std::set<std::string> seen;
  std::printf("watching\n");
  std::fflush(stdout);
  for (;;) {
    DIR* processes = opendir("/proc");
    if (processes == nullptr) return 1;
    while (const dirent* entry = readdir(processes)) {
      if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') look_at(entry->d_name, seen);
    }
    closedir(processes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "calls" && argc == 2) return calls();
  if (mode == "user" && argc == 2) return std::printf("%u\n", geteuid()) > 0 ? 0 : 1;
  if (mode == "exchange" && argc == 4) return exchange(argv[2], argv[3]);
  if (mode == "watch" && argc == 2) return watch();
  std::fprintf(stderr, "usage: threat_probe calls | user | exchange A B | watch\n");
  return 2;
}
