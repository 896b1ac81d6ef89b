#include "runtime/launch.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup_delegation.h"
#include "runtime/device_filter.h"
#include "runtime/overlay.h"

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

void join(const std::string& path, int kind, const char* what) {
  if (path.empty()) return;
  base::Fd name_space = base::open_file(path, O_RDONLY);
  base::check(setns(name_space.get(), kind), std::string("join the ") + what + " namespace", path);
}

void join_existing_namespaces(const Namespaces& namespaces) {
  join(namespaces.network_path, CLONE_NEWNET, "network");
  join(namespaces.ipc_path, CLONE_NEWIPC, "ipc");
  join(namespaces.uts_path, CLONE_NEWUTS, "uts");
  join(namespaces.pid_path, CLONE_NEWPID, "pid");
}

// What is mounted in the container must not reach the host, whose mounts these are copies of.
void hear_the_host_only(const base::Fd& tree, const std::string& what) {
  mount_attr attributes = {.attr_set = 0, .attr_clr = 0, .propagation = MS_SLAVE, .userns_fd = 0};
  base::check(mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes),
              "change the propagation of", what);
}

std::vector<base::Fd> open_bind_sources(const ContainerSpec& spec) {
  std::vector<base::Fd> trees;
  for (const Mount& mount : spec.mounts) {
    if (mount.type != "bind") continue;
    base::Fd tree = clone_tree(mount.source, mount.recursive);
    hear_the_host_only(tree, mount.source);
    if (mount.attributes != 0) change_attributes(tree, mount.attributes, 0, mount.recursive, mount.source);
    trees.push_back(std::move(tree));
  }
  return trees;
}

std::uint64_t clone_flags(const Namespaces& namespaces) {
  std::uint64_t flags = CLONE_NEWNS;
  if (namespaces.user) flags |= CLONE_NEWUSER;
  if (namespaces.pid) flags |= CLONE_NEWPID;
  if (namespaces.network) flags |= CLONE_NEWNET;
  if (namespaces.ipc) flags |= CLONE_NEWIPC;
  if (namespaces.uts) flags |= CLONE_NEWUTS;
  return flags;  // the cgroup namespace is made when the process is in its cgroup
}

void write_map(int pid, const char* file, const std::vector<IdMapping>& map) {
  std::string text;
  for (const IdMapping& line : map) {
    text += std::to_string(line.inside) + " " + std::to_string(line.outside) + " " + std::to_string(line.count) + "\n";
  }
  std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  base::write_all(base::open_file(path, O_WRONLY), text);
}

void map_users(const ContainerSpec& spec, int pid) {
  if (!spec.namespaces.user) return;
  write_map(pid, "uid_map", spec.uid_map);
  write_map(pid, "gid_map", spec.gid_map);
}

void set_process_limits(const Process& process, int pid) {
  for (const ResourceLimit& limit : process.limits) {
    base::check(prlimit(pid, static_cast<__rlimit_resource>(limit.resource), &limit.limit, nullptr),
                "set resource limit", std::to_string(limit.resource));
  }
  if (process.oom_score_adjustment) {
    std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
    base::write_all(base::open_file(path, O_WRONLY), std::to_string(*process.oom_score_adjustment));
  }
}

base::Fd make_root(const ContainerSpec& spec, const base::Fd& user_namespace, bool devices_filtered) {
  if (!spec.root.directory.empty()) {
    base::Fd tree = clone_tree(spec.root.directory, true);
    hear_the_host_only(tree, spec.root.directory);
    // The image's device nodes are no way to the host's devices.
    if (!devices_filtered) change_attributes(tree, MOUNT_ATTR_NODEV, 0, false, spec.root.directory);
    return tree;
  }
  return mount_overlay(spec.root, spec.namespaces.user ? &user_namespace : nullptr);
}

// Sends what the container's process waits for, in its order.
void hand_over(const ContainerSpec& spec, Channel& channel, const base::Fd& root, const std::vector<base::Fd>& binds,
               const base::Fd& user_namespace) {
  channel.send(kTree, 0, "", &root);
  channel.send(kGo);
  std::size_t next = 0;
  for (const Mount& mount : spec.mounts) {
    if (mount.type != "bind") continue;
    const base::Fd& tree = binds.at(next++);
    if (mount.id_mapped && spec.namespaces.user) map_ids(tree, user_namespace, mount.recursive, mount.source);
    channel.send(kTree, 0, "", &tree);
  }
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
  if (!spec.root.layers.empty()) make_private_mount_namespace();
  std::vector<base::Fd> binds = open_bind_sources(spec);
  join_existing_namespaces(spec.namespaces);

  Cgroup cgroup("");
  base::Fd cgroup_fd;
  if (plan.kind == CgroupPlan::Kind::kDirectory) {
    cgroup = Cgroup::create(plan.mount, plan.path);
    limit(spec, cgroup, device_filter);
    delegate_cgroup(spec, cgroup);
    cgroup_fd = cgroup.open();
  }

  auto [ours, theirs] = make_channel();
  int pid_fd_number = -1;
  clone_args arguments = {};
  arguments.flags = clone_flags(spec.namespaces) | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pid_fd_number);
  arguments.exit_signal = SIGCHLD;
  if (cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd.get());
  }
  // Not dumpable from before the first moment inside: nobody there may look into us, or at our file (CVE-2016-9962).
  base::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "set dumpable");
  long pid_or_zero = base::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
  if (pid_or_zero == 0) {
    ours = Channel(base::Fd());
    container_main(spec, std::move(theirs), std::move(files));
  }
  base::check(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "set dumpable");
  theirs = Channel(base::Fd());
  files = InitFiles{};
  int pid = static_cast<int>(pid_or_zero);
  base::Fd pid_fd(pid_fd_number);
  try {
    map_users(spec, pid);
    set_process_limits(spec.process, pid);
    if (plan.kind == CgroupPlan::Kind::kScope) {
      cgroup = create_in_scope(*base::connect_systemd(), plan.scope, spec.resources, pid);
      limit(spec, cgroup, device_filter);
      delegate_cgroup(spec, cgroup);
    }
    base::Fd user_namespace;
    if (spec.namespaces.user) user_namespace = base::open_file("/proc/" + std::to_string(pid) + "/ns/user", O_RDONLY);
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

std::uint64_t process_start_time(int pid) {
  std::optional<std::string> text = base::read_file_if_exists("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return 0;
  // The second field is the name in parentheses, which may hold anything.
  std::size_t end = text->rfind(')');
  if (end == std::string::npos) return 0;
  std::vector<std::string> fields = base::split_words(text->substr(end + 1));
  constexpr std::size_t kStartTime = 22 - 3;
  if (fields.size() <= kStartTime) return 0;
  return base::parse_unsigned(fields[kStartTime]).value_or(0);
}

}  // namespace runtime
