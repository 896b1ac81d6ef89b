#include "runtime/launch.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "runtime/bind_mounts.h"
#include "runtime/cgroup_delegation.h"
#include "runtime/device_filter.h"
#include "runtime/namespaces.h"
#include "runtime/overlay.h"
#include "runtime/rlimits.h"
#include "runtime/scheduling.h"
#include "runtime/security_label.h"
#include "runtime/sysctl.h"

namespace runtime {
namespace {

constexpr const char* kCgroupParent = "clusteros";

// The program for the container's cgroup; none when it has no device rules, or when they hold without one.
base::Fd prepare_device_filter(const ContainerSpec& spec, const CgroupPlan& plan) {
  if (spec.resources.devices.empty()) return {};
  base::Fd filter;
  if (plan.kind != CgroupPlan::Kind::kNone) filter = load_device_filter(spec.resources.devices);
  if (filter) return filter;
  Capabilities administrator = capability_by_name("CAP_SYS_ADMIN").value_or(0);
  bool may_mount = !spec.namespaces.user && (spec.process.capabilities.bounding & administrator) != 0;
  require_rules_hold_without_filter(spec.resources.devices, may_mount);
  return {};
}

// Where there is no filter, no file system of the container has devices.
ContainerSpec with_devices_forbidden(ContainerSpec spec) {
  for (Mount& mount : spec.mounts) forbid_devices(mount);
  return spec;
}

// A copy of the host's mounts, its making and its end, is the dearest of what the kernel does for us; and all that is
// mounted for a container hangs on descriptors until its own process takes it. Only overlayfs takes its layers by path,
// so that they are attached for a moment (overlay.cc), where the host must not see them.
void make_private_mount_namespace() {
  base::check(unshare(CLONE_NEWNS), "make a mount namespace");
  base::check(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "make mounts private");
}
void set_process_limits(const Process& process, int pid) {
  apply_resource_limits(process, pid);
  apply_scheduling(process, pid);
  if (process.oom_score_adjustment) {
    std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
    base::write_all(base::open_file(path, O_WRONLY), std::to_string(*process.oom_score_adjustment));
  }
}

base::Fd make_root(const ContainerSpec& spec, const base::Fd& user_namespace, bool devices_filtered) {
  if (!spec.root.directory.empty()) {
    base::Fd tree = clone_tree(spec.root.directory, true);
    // It is a peer of the host's mounts. With "slave" it receives what is mounted there later.
    std::uint64_t slave = spec.root_propagation & MS_SLAVE;
    change_propagation(tree, MS_REC | (slave != 0 ? slave : std::uint64_t{MS_PRIVATE}), spec.root.directory);
    // The image's device nodes are no way to the host's devices.
    if (!devices_filtered) change_attributes(tree, MOUNT_ATTR_NODEV, 0, false, spec.root.directory);
    return tree;
  }
  return mount_overlay(spec.root, in_user_namespace(spec) ? &user_namespace : nullptr);
}

// Sends what the container's process waits for, in its order.
void hand_over(const ContainerSpec& spec, Channel& channel, const base::Fd& root, const std::vector<BindSource>& binds,
               const base::Fd& user_namespace) {
  channel.send(kTree, 0, "", &root);
  channel.send(kGo);
  send_binds(spec, binds, user_namespace, channel);
}

// What the process said about its failure before it closed the channel; nothing when it said nothing.
std::optional<StartError> reason_of_failure(Channel& channel) {
  while (std::optional<Message> message = channel.receive()) {
    if (message->kind == kError) return StartError(message->code, message->text);
  }
  return std::nullopt;
}

// runtime-spec config-linux.md "Cgroup ownership": only where the container sees its own cgroup and may write there.
bool owns_cgroup(const ContainerSpec& spec) {
  if (!spec.namespaces.user || !spec.namespaces.cgroup) return false;
  return std::ranges::any_of(spec.mounts, [](const Mount& mount) {
    return mount.type == "cgroup" && (mount.attributes & MOUNT_ATTR_RDONLY) == 0;
  });
}

void limit(const ContainerSpec& spec, const Cgroup& cgroup, const base::Fd& device_filter) {
  cgroup.set_limits(spec.resources);
  if (owns_cgroup(spec)) {
    std::string_view user = std::string_view(spec.process.user).substr(0, spec.process.user.find(':'));
    cgroup.give_to(host_id(spec.uid_map, base::parse_unsigned(user).value_or(0)));
  }
  if (device_filter) attach_device_filter(cgroup.open(), device_filter);
}

void kill_and_reap(const base::Fd& pid_fd, int pid) {
  syscall(SYS_pidfd_send_signal, pid_fd.get(), SIGKILL, nullptr, 0);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

CgroupPlan plan_cgroup(const std::string& id, const std::string& description) {
  CgroupPlan plan{.mount = cgroup_mount()};
  if (plan.mount.empty()) return plan;
  if (systemd_is_running()) {
    plan.kind = CgroupPlan::Kind::kScope;
    plan.scope = {.unit = "container-" + id + ".scope", .slice = "machine.slice", .description = description};
    plan.path = plan.mount + scope_directory(plan.scope) + "/container";
    return plan;
  }
  plan.kind = CgroupPlan::Kind::kDirectory;
  plan.path = plan.mount + "/" + kCgroupParent + "/" + id;
  return plan;
}

Launched launch(const ContainerSpec& wanted, const CgroupPlan& plan, InitFiles files,
                const std::function<void(int pid)>& connect_network) {
  if (plan.kind == CgroupPlan::Kind::kNone && wanted.resources.any()) {
    throw base::Error("limit resources", "", "cgroup v2 is not mounted");
  }
  base::Fd device_filter = prepare_device_filter(wanted, plan);
  ContainerSpec without_devices;
  bool forbid = !wanted.resources.devices.empty() && !device_filter;
  if (forbid) without_devices = with_devices_forbidden(wanted);
  const ContainerSpec& spec = forbid ? without_devices : wanted;
  check_label_support(spec);
  check_joined_for_sysctls(spec);
  JoinedNamespaces joined = JoinedNamespaces::open(spec.namespaces);
  std::vector<BindSource> binds = open_bind_sources(spec);
  if (!spec.root.layers.empty()) make_private_mount_namespace();

  Cgroup cgroup("");
  base::Fd cgroup_fd;
  if (plan.kind == CgroupPlan::Kind::kDirectory) {
    cgroup = Cgroup::create(plan.mount, plan.path);
    limit(spec, cgroup, device_filter);
    delegate_cgroup(spec, cgroup);
    cgroup_fd = cgroup.open();
  }

  auto [ours, theirs] = make_channel();
  clone_args arguments = {};
  if (cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd.get());
  }
  // Not dumpable from before the first moment inside: nobody there may look into us, or at our file (CVE-2016-9962).
  base::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "set dumpable");
  base::Fd pid_fd;
  int pid = clone_into_namespaces(spec, joined, arguments, pid_fd);
  if (pid == 0) {
    ours = Channel(base::Fd());
    container_main(spec, std::move(theirs), std::move(files));
  }
  base::check(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "set dumpable");
  theirs = Channel(base::Fd());
  files = InitFiles{};
  try {
    if (spec.namespaces.user) write_id_maps(pid, spec.uid_map, spec.gid_map);
    set_process_limits(spec.process, pid);
    if (plan.kind == CgroupPlan::Kind::kScope) {
      cgroup = create_in_scope(*base::connect_systemd(), plan.scope, spec.resources, pid);
      limit(spec, cgroup, device_filter);
      delegate_cgroup(spec, cgroup);
    }
    base::Fd user_namespace;
    if (in_user_namespace(spec))
      user_namespace = base::open_file("/proc/" + std::to_string(pid) + "/ns/user", O_RDONLY);
    base::Fd root = make_root(spec, user_namespace, device_filter.valid());
    connect_network(pid);
    hand_over(spec, ours, root, binds, user_namespace);
  } catch (const std::exception& error) {
    std::optional<StartError> reason;
    // EPIPE and the like only mean that the other side has failed first: its word counts.
    const auto* ours_failed = dynamic_cast<const base::Error*>(&error);
    if (ours_failed != nullptr && (ours_failed->error_number() == EPIPE || ours_failed->error_number() == ECONNRESET)) {
      reason = reason_of_failure(ours);
    }
    kill_and_reap(pid_fd, pid);
    cgroup.remove(1000);
    if (reason) throw StartError(*reason);
    throw;
  }
  return {.pid = pid, .pid_fd = std::move(pid_fd), .channel = std::move(ours), .cgroup = std::move(cgroup)};
}

void wait_until_running(Launched& launched, const std::function<void()>& run_hooks) {
  try {
    while (std::optional<Message> message = launched.channel.receive()) {
      if (message->kind == kReady) return;
      if (message->kind == kError) throw StartError(message->code, message->text);
      if (message->kind == kTerminal) {
        launched.terminal = std::move(message->fd);
      } else if (message->kind == kHooks && run_hooks) {
        run_hooks();
        launched.channel.send(kGo);
      } else {
        throw StartError(125, "set up the container: messages are out of step");
      }
    }
  } catch (...) {
    kill_and_reap(launched.pid_fd, launched.pid);
    throw;
  }
}

int wait_for_exit(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) base::throw_errno("wait for process", std::to_string(pid));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::optional<ProcessStat> process_stat(int pid) {
  std::optional<std::string> text;
  try {
    text = base::read_file_if_exists("/proc/" + std::to_string(pid) + "/stat");
  } catch (const base::Error& error) {
    if (error.error_number() != ESRCH) throw;  // reaped between open and read
  }
  if (!text) return std::nullopt;
  // The second field is the name in parentheses, which may hold anything.
  std::size_t end = text->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::vector<std::string> fields = base::split_words(text->substr(end + 1));
  constexpr std::size_t kStartTime = 22 - 3;
  if (fields.size() <= kStartTime) return std::nullopt;
  return ProcessStat{.state = fields[0][0], .start_time = base::parse_unsigned(fields[kStartTime]).value_or(0)};
}

std::uint64_t process_start_time(int pid) {
  std::optional<ProcessStat> stat = process_stat(pid);
  return stat ? stat->start_time : 0;
}

}  // namespace runtime
