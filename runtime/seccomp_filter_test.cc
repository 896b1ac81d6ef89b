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

#include <algorithm>
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
    install_seccomp({.program = program});
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

namespace {

// What a profile that allows all, with these changes, is refused for; "" when it is not.
std::string reason(const base::Json& changes) {
  base::Json profile = {{"defaultAction", "SCMP_ACT_ALLOW"}};
  profile.update(changes);
  try {
    compile_seccomp(profile);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

base::Json calls(const char* action) {
  return {{{"names", {"mkdir"}}, {"action", action}}};
}

}  // namespace

TEST_CASE("a profile with an unknown action or member is refused by name") {
  CHECK(reason({{"defaultAction", "SCMP_ACT_MAYBE"}}).contains("SCMP_ACT_MAYBE"));
  CHECK(reason({{"listenerFile", "/x"}}).contains("listenerFile"));
  CHECK(reason({{"flags", {"SECCOMP_FILTER_FLAG_NEW_LISTENER"}}}).contains("SECCOMP_FILTER_FLAG_NEW_LISTENER"));
  CHECK(reason({{"defaultAction", "SCMP_ACT_ERRNO"},
                {"syscalls", {{{"names", {"read", "nosuchcall"}}, {"action", "SCMP_ACT_ALLOW"}}}}}) == "");
}

TEST_CASE("a listener belongs to a filter that reports calls") {
  CHECK(reason({{"defaultAction", "SCMP_ACT_NOTIFY"}, {"listenerPath", "/x"}}).contains("single calls"));
  CHECK(reason({{"syscalls", calls("SCMP_ACT_NOTIFY")}}).contains("SCMP_ACT_NOTIFY needs it"));
  CHECK(reason({{"listenerMetadata", "x"}}).contains("needs listenerPath"));
  CHECK(reason({{"syscalls", calls("SCMP_ACT_NOTIFY")}, {"listenerPath", "x"}}).contains("absolute path"));
  SeccompFilter filter = compile_seccomp({{"defaultAction", "SCMP_ACT_ALLOW"},
                                          {"syscalls", calls("SCMP_ACT_NOTIFY")},
                                          {"listenerPath", "/x"},
                                          {"listenerMetadata", "y"}});
  CHECK(filter.listener.path == "/x");
  CHECK(filter.listener.metadata == "y");
  CHECK(compile_seccomp({{"defaultAction", "SCMP_ACT_ALLOW"}, {"listenerPath", "/x"}}).listener.path == "");
}

TEST_CASE("an errno is for the actions that have one") {
  auto with = [](const char* action, const base::Json& error) {
    base::Json rules = calls(action);
    rules[0]["errnoRet"] = error;
    return base::Json{{"syscalls", rules}};
  };
  CHECK(reason(with("SCMP_ACT_ERRNO", 4094)) == "");
  CHECK(reason(with("SCMP_ACT_ERRNO", 4096)).contains("0 to 4095"));
  CHECK(reason(with("SCMP_ACT_TRACE", 65535)) == "");
  CHECK(reason(with("SCMP_ACT_TRACE", 65536)).contains("0 to 65535"));
  CHECK(reason(with("SCMP_ACT_TRACE", "x")).contains("errnoRet"));
  CHECK(reason(with("SCMP_ACT_KILL", 1)).contains("SCMP_ACT_KILL takes none"));
  CHECK(reason(with("SCMP_ACT_KILL", nullptr)) == "");
  base::Json traced = with("SCMP_ACT_TRACE", 77);
  traced["defaultAction"] = "SCMP_ACT_ALLOW";
  BpfProgram program = compile_seccomp(traced).program;
  CHECK(std::ranges::any_of(program, [](const sock_filter& step) {
    return step.code == (BPF_RET | BPF_K) && step.k == (SECCOMP_RET_TRACE | 77);
  }));
}

TEST_CASE("the flags that a profile names are those that the kernel gets") {
  for (const std::string& name : seccomp_flag_names_of_kernel()) {
    SeccompFilter filter = compile_seccomp({{"defaultAction", "SCMP_ACT_ALLOW"}, {"flags", {name}}});
    CHECK(filter.flags != 0);
    CHECK(std::ranges::contains(seccomp_flag_names(), name));
  }
}

}  // namespace runtime
