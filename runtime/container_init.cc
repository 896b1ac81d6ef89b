// Why this order: the parent maps our ids and joins us to cgroup and network while we wait for its messages; what needs
// the host's files comes before enter_root(), what needs privilege before execute_process().

#include "runtime/container_init.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "runtime/container_root.h"
#include "runtime/devices.h"
#include "runtime/execute_process.h"
#include "runtime/network_link.h"
#include "runtime/oci_hooks.h"
#include "runtime/proc_files.h"
#include "runtime/security_label.h"
#include "runtime/sysctl.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

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

// Our copies of the host's mounts: what we attach to them and take away must not happen there. (The kernel does the
// same by itself for a user namespace of our own.)
void part_from_mounts_of_the_host() {
  base::check(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "make mounts private");
}

// From here on the process is nobody on the host and root inside.
void become_root_of_namespace(const ContainerSpec& spec) {
  if (!in_user_namespace(spec)) return;
  base::check(setgroups(0, nullptr), "drop groups");
  base::check(setresgid(0, 0, 0), "become group 0 of the user namespace");
  base::check(setresuid(0, 0, 0), "become user 0 of the user namespace");
  if (spec.die_with_parent) kill_when_parent_dies();
}

// The root of its mqueue file system belongs to who makes it (mqueue_fill_super() in ipc/mqueue.c): in a user namespace
// that is to be root of it, and not the nobody that we are before.
void make_ipc_namespace(const ContainerSpec& spec) {
  if (!spec.namespaces.ipc || !in_user_namespace(spec)) return;
  base::check(unshare(CLONE_NEWIPC), "make an ipc namespace");
}

// After the parent has put us into our cgroup, so that this cgroup is the root of what we see.
void make_cgroup_namespace(const ContainerSpec& spec) {
  if (spec.namespaces.cgroup) base::check(unshare(CLONE_NEWCGROUP), "make a cgroup namespace");
}

void set_names(const ContainerSpec& spec) {
  if (!spec.host_name.empty()) {
    base::check(sethostname(spec.host_name.data(), spec.host_name.size()), "set the host name", spec.host_name);
  }
  if (!spec.domain_name.empty()) {
    base::check(setdomainname(spec.domain_name.data(), spec.domain_name.size()), "set the domain name",
                spec.domain_name);
  }
}

// What only the runtime sees; for labels it is needed until the end. Invalid when nothing is to be written.
base::Fd open_proc_for(const ContainerSpec& spec) {
  if (spec.sysctls.empty() && !has_label(spec.process)) return base::Fd();
  return open_proc();
}

void wait_for_start(base::Fd& listener, Channel& channel) {
  if (!listener) return;
  channel.send(kReady);
  base::Fd connection(base::check(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "wait to be started"));
  listener.reset();
  // The one who starts us hears what went wrong; the creator has gone.
  channel = Channel(std::move(connection));
}

std::string state_for_hook(const ContainerSpec& spec, std::string_view status) {
  return hook_state(spec.id, status, getpid(), spec.hooks.bundle, spec.annotations);
}

// Everything is mounted and filled, the root is writable still and not entered. Those of the runtime's namespaces are
// the parent's.
void run_hooks_before_pivot(const ContainerSpec& spec, Channel& channel) {
  bool fills = std::ranges::any_of(spec.mounts, [](const Mount& m) { return m.type == "bind" && m.copy_up; });
  if (!spec.hooks.before_pivot() && !fills) return;
  channel.send(kHooks);
  channel.expect(kGo);
  run_hooks("createContainer", spec.hooks.create_container, state_for_hook(spec, "creating"));
}

void run_start_hooks(const ContainerSpec& spec, Channel& channel) {
  if (spec.hooks.start_container.empty()) return;
  try {
    run_hooks("startContainer", spec.hooks.start_container, state_for_hook(spec, "created"));
  } catch (const base::Error& error) {
    report_and_exit(channel, kHookFailed, error.what());
  }
}

}  // namespace

void container_main(const ContainerSpec& spec, Channel channel, InitFiles files) {
  try {
    if (spec.die_with_parent) kill_when_parent_dies();
    reset_signals();
    if (spec.namespaces.mount_path.empty()) part_from_mounts_of_the_host();
    take_standard_files(files);
    base::Fd root_tree = channel.expect(kTree).fd;
    become_root_of_namespace(spec);
    make_ipc_namespace(spec);
    base::check(setsid(), "make a session");
    base::Fd root = attach_root(spec, root_tree);
    channel.expect(kGo);
    make_cgroup_namespace(spec);
    if (spec.namespaces.network) configure_inside(spec.network);
    set_names(spec);
    base::Fd proc = open_proc_for(spec);
    apply_sysctls(spec, proc);
    mount_all(spec, root, channel);
    make_devices(spec, root);
    if (spec.process.terminal) take_terminal(spec.process, root, true, channel);
    run_hooks_before_pivot(spec, channel);
    make_filesystems_read_only(spec, root);
    mask_paths(spec, root);
    make_paths_read_only(spec, root);
    enter_root(spec, root);
    root.reset();
    if (!spec.root.read_only) make_working_directory(spec);
    // A hook may put it there still.
    if (files.start_socket && spec.hooks.start_container.empty()) require_program(spec.process, channel);
    wait_for_start(files.start_socket, channel);
    execute_process(spec.process, channel, spec.die_with_parent, proc, [&] { run_start_hooks(spec, channel); });
  } catch (const std::exception& error) {
    report_and_exit(channel, 125, error.what());
  }
}

}  // namespace runtime
