#pragma once
// The outside: from a ContainerSpec to a running process, as a list of named steps. Single-threaded callers only
// (clone3(2) copies one thread), as root.
//
// What is mounted for the container is invisible to the host and goes when the caller and the container have ended,
// whatever way that happens: it hangs on descriptors, and for a root of layers the caller gets a mount namespace of its
// own.

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_scope.h"
#include "runtime/channel.h"
#include "runtime/container_init.h"
#include "runtime/protect_binary.h"
#include "runtime/spec.h"

namespace runtime {

// A start that failed, with the exit code for the user: 125 the runtime, 126 not executable, 127 not found.
class StartError : public std::runtime_error {
 public:
  StartError(int exit_code, const std::string& text) : std::runtime_error(text), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// Where the container's processes are counted and limited.
struct CgroupPlan {
  enum class Kind {
    kNone,       // no cgroup v2 on this machine
    kDirectory,  // `path`, made by us
    kScope,      // a scope asked from systemd
  };
  Kind kind = Kind::kNone;
  std::string mount = {};
  std::string path = {};  // of a scope: where it will be
  ScopePlan scope = {};
};

// systemd's scope where systemd runs, else <mount>/clusteros/<id>.
CgroupPlan plan_cgroup(const std::string& id, const std::string& description);

struct Launched {
  int pid = 0;
  base::Fd pid_fd;
  Channel channel;
  Cgroup cgroup;
  base::Fd terminal = {};  // the other end of its pty, once wait_until_running() has returned
};

// Starts the container's first process and sets everything up around it. `connect_network` is called with its pid
// once its network namespace is there. When it returns the process works on its side; wait_until_running() tells how
// that ends. Throws base::Error or StartError; nothing is left running then.
Launched launch(const ContainerSpec& spec, const CgroupPlan& plan, InitFiles files,
                const std::function<void(int pid)>& connect_network);

// Waits until the application has been executed (or, with a start socket, until it could be). `run_hooks` is called
// when everything is mounted and the root not yet entered, if the container has hooks of that time. Throws StartError,
// or what `run_hooks` throws; nothing is left running then.
void wait_until_running(Launched& launched, const std::function<void()>& run_hooks = {});

// waitpid(2): the application's exit code, 128 + n for signal n.
int wait_for_exit(int pid);

// Of /proc/PID/stat (proc_pid_stat(5)).
struct ProcessStat {
  char state = 'X';              // R, S, D, …; Z and X: it has ended
  std::uint64_t start_time = 0;  // in clock ticks since boot
};

// Nothing when there is no such process.
std::optional<ProcessStat> process_stat(int pid);

// 0 when there is no such process.
std::uint64_t process_start_time(int pid);

}  // namespace runtime
