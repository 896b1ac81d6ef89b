// The filter is tried on real processes: a child installs it and makes a call.

#include "runtime/seccomp_filter.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/error.h"

namespace runtime {
namespace {

// The errno of `call` under the default filter; 0 when it succeeded, -1 when the child was killed.
int errno_under_filter(const std::function<long()>& call) {
  BpfProgram program = default_seccomp_filter(default_capabilities().bounding);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install_seccomp(program);
    errno = 0;
    _exit(call() == -1 ? errno : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("ordinary calls pass") {
  CHECK(errno_under_filter([] { return syscall(SYS_getpid); }) == 0);
  CHECK(errno_under_filter([] { return static_cast<long>(socket(AF_INET, SOCK_STREAM, 0)); }) == 0);
  CHECK(errno_under_filter([] { return static_cast<long>(socket(AF_UNIX, SOCK_STREAM, 0)); }) == 0);
  CHECK(errno_under_filter([] { return syscall(SYS_personality, 0xffffffff); }) == 0);
}

TEST_CASE("what reaches deep into the kernel is not permitted") {
  CHECK(errno_under_filter([] { return syscall(SYS_mount, 0, 0, 0, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_bpf, 0, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_perf_event_open, 0, 0, 0, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_userfaultfd, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_io_uring_setup, 1, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_unshare, CLONE_NEWUSER); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_setns, -1, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_kexec_load, 0, 0, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_open_by_handle_at, -1, 0, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return static_cast<long>(socket(AF_ALG, SOCK_SEQPACKET, 0)); }) == EPERM);
  CHECK(errno_under_filter([] { return static_cast<long>(socket(AF_VSOCK, SOCK_STREAM, 0)); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_socket, (1L << 32) | AF_ALG, SOCK_SEQPACKET, 0); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_personality, ADDR_NO_RANDOMIZE); }) == EPERM);
  CHECK(errno_under_filter([] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }) == EPERM);
}

TEST_CASE("what a C library probes for is absent, not forbidden") {
  CHECK(errno_under_filter([] { return syscall(SYS_clone3, 0, 0); }) == ENOSYS);
  CHECK(errno_under_filter([] { return syscall(1000); }) == ENOSYS);
  CHECK(errno_under_filter([] { return syscall(0x40000000 | SYS_getpid); }) == ENOSYS);  // x32
}

TEST_CASE("a capability opens its calls and no others") {
  BpfProgram narrow = default_seccomp_filter(0);
  BpfProgram wide = default_seccomp_filter(*capability_by_name("CAP_SYS_BOOT"));
  CHECK(seccomp_to_bytes(narrow) != seccomp_to_bytes(wide));
}

TEST_CASE("a program survives its file, and a torn file is refused") {
  BpfProgram program = default_seccomp_filter(0);
  std::string bytes = seccomp_to_bytes(program);
  CHECK(seccomp_to_bytes(seccomp_from_bytes(bytes)) == bytes);
  CHECK_THROWS_AS(seccomp_from_bytes(bytes.substr(1)), base::Error);
}

TEST_CASE("a profile with an unknown action or member is refused by name") {
  CHECK_THROWS_AS(compile_seccomp({{"defaultAction", "SCMP_ACT_NOTIFY"}}), base::Error);
  CHECK_THROWS_AS(compile_seccomp({{"defaultAction", "SCMP_ACT_ALLOW"}, {"listenerPath", "/x"}}), base::Error);
  CHECK_NOTHROW(compile_seccomp({{"defaultAction", "SCMP_ACT_ERRNO"},
                                 {"syscalls", {{{"names", {"read", "nosuchcall"}}, {"action", "SCMP_ACT_ALLOW"}}}}}));
}

}  // namespace runtime
