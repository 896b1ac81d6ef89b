#pragma once
// The default system call filter as a table that people can read: what an application may call. Docker's default
// profile is the model (moby/profiles, seccomp/default.json), so that images which run there run here.
//
// Denied on purpose, since they have no line here: io_uring_* (a way around the filter), userfaultfd, bpf,
// perf_event_open, keyctl/add_key/request_key (keyrings are not namespaced), mount and namespace calls, kexec, module
// loading, swap, quota, clock setting, ptrace-like access to other users' processes, _sysctl, nfsservctl, vm86,
// iopl/ioperm, move_pages, get_mempolicy and friends. socket, personality and clone have rules of their own in
// seccomp_default.cc, which makes the filter from this table when it is compiled.

#include <linux/capability.h>

#include <array>
#include <string_view>

#include "runtime/capabilities.h"

namespace runtime {

constexpr Capabilities capability(int number) {
  return Capabilities{1} << number;
}

// Each string a list of names separated by blanks; names that this machine does not have are skipped.
inline constexpr std::array<std::string_view, 15> kAllowedCalls = {
    // Files.
    "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 "
    "fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync flock fstat fstatfs fsync ftruncate "
    "futimesat getcwd getdents getdents64 lchown link linkat lseek lstat mkdir mkdirat mknod mknodat newfstatat open "
    "openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat statfs statx symlink symlinkat sync "
    "sync_file_range syncfs truncate umask unlink unlinkat utime utimensat utimes name_to_handle_at cachestat ioctl "
    "statmount listmount",
    // Reading and writing.
    "pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile splice tee vmsplice write writev",
    // Extended attributes.
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr "
    "lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat",
    // Waiting for files and events.
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd "
    "eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll pselect6 select",
    // The older asynchronous I/O.
    "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit",
    // Sockets (socket itself: seccomp_filter.cc).
    "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg "
    "sendto setsockopt shutdown socketpair",
    // Memory.
    "brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mprotect "
    "mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease "
    "remap_file_pages",
    // Processes and threads (clone: seccomp_filter.cc).
    "arch_prctl execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake "
    "get_robust_list get_thread_area getpgid getpgrp getpid getppid getsid gettid modify_ldt pause pidfd_open "
    "pidfd_send_signal prctl process_vm_readv process_vm_writev ptrace restart_syscall riscv_flush_icache "
    "riscv_hwprobe rseq set_robust_list set_thread_area set_tid_address setpgid setsid uretprobe vfork wait4 waitid",
    // Signals.
    "kill rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill",
    // Who one is, and what one may.
    "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups "
    "setregid setresgid setresuid setreuid setuid seccomp landlock_add_rule landlock_create_ruleset "
    "landlock_restrict_self",
    // Limits, priorities, processors.
    "getcpu getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield setpriority setrlimit sysinfo "
    "times uname getrandom",
    // Time (setting it needs CAP_SYS_TIME, which the kernel checks in adjtimex).
    "adjtimex alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep "
    "setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create "
    "timerfd_gettime timerfd_settime",
    // System V and POSIX messages, semaphores, shared memory: they are the namespace's own.
    "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget "
    "semop semtimedop shmat shmctl shmdt shmget",
    // Pipes.
    "pipe pipe2",
    // Of arm64's own.
    "sync_file_range2 cacheflush",
};

// Allowed in addition to whoever has the capability.
struct CapabilityCalls {
  Capabilities capability;
  std::string_view calls;
};
inline constexpr std::array<CapabilityCalls, 13> kCapabilityCalls = {{
    {capability(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
    {capability(CAP_SYS_ADMIN),
     "fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules "
     "lsm_set_self_attr mount mount_setattr move_mount open_tree quotactl quotactl_fd setdomainname sethostname setns "
     "syslog umount2 unshare"},
    {capability(CAP_SYS_BOOT), "reboot"},
    {capability(CAP_SYS_CHROOT), "chroot"},
    {capability(CAP_SYS_MODULE), "delete_module init_module finit_module"},
    {capability(CAP_SYS_PACCT), "acct"},
    {capability(CAP_SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
    {capability(CAP_SYS_RAWIO), "iopl ioperm"},
    {capability(CAP_SYS_TIME), "settimeofday clock_settime"},
    {capability(CAP_SYS_TTY_CONFIG), "vhangup"},
    {capability(CAP_SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {capability(CAP_SYSLOG), "syslog"},
    {capability(CAP_PERFMON), "perf_event_open"},
}};

// Names that old libraries probe before they fall back: they must see "no such call" (ENOSYS), not "not permitted".
inline constexpr std::string_view kAbsentCalls = "clone3";

}  // namespace runtime
