// Nothing of the container is executed, and its processes cannot reach this one: it stays in the host's pid namespace.
// A descriptor of the root is taken with the host's rights, all that is below is opened with those of the container's
// root, so that a file which the kernel would keep from that one is kept from `cp`, too.

#include "runtime/container_files.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/bind_mounts.h"
#include "runtime/container_data.h"
#include "runtime/container_spec.h"
#include "runtime/container_volumes.h"
#include "runtime/mount_api.h"
#include "runtime/namespaces.h"
#include "runtime/overlay.h"

namespace runtime {
namespace {

// A volume whose destination is not there yet appears at the first start.
void attach_volumes(const ContainerSpec& spec, const base::Fd& root, const base::Fd& user_namespace) {
  ContainerSpec volumes = spec;
  std::erase_if(volumes.mounts, [](const Mount& mount) { return mount.type != "bind"; });
  std::vector<BindSource> sources = open_bind_sources(volumes);
  for (std::size_t i = 0; i < sources.size(); i++) {
    const Mount& mount = volumes.mounts[i];
    base::Fd target = find_below(root, mount.destination, O_PATH, Links::kFollow);
    if (!target || !sources[i].tree) continue;
    map_bind_owners(mount, sources[i].tree, user_namespace);
    attach(sources[i].tree, target, mount.destination);
  }
}

base::Fd mount_files(const Machine& machine, const ContainerState& state, base::Fd& user_namespace) {
  SavedRequest saved = load_request(StateStore(machine.state), state.id);
  saved.request.volumes = volumes_between_starts(machine, state.id, saved.request);
  ContainerSpec spec = make_spec(saved, state, {});
  spec.root.upper = data_path(machine, state.id) + "/upper";
  spec.root.work = data_path(machine, state.id) + "/work";
  base::check(unshare(CLONE_NEWNS), "make a mount namespace");
  base::check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  if (in_user_namespace(spec)) user_namespace = make_user_namespace(spec.uid_map, spec.gid_map);
  base::Fd overlay = mount_overlay(spec.root, user_namespace ? &user_namespace : nullptr);
  std::string place = spec.root.work + ".layers";
  attach(overlay, base::open_file(place, O_PATH | O_DIRECTORY), place);
  base::Fd root = base::open_file(place, O_PATH | O_DIRECTORY);
  attach_volumes(spec, root, user_namespace);
  return root;
}

base::Fd find_files(const ContainerState& state, base::Fd& user_namespace) {
  base::Fd process(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!process) throw base::Error("container", state.name, "it is not running any more");
  std::string proc = "/proc/" + std::to_string(state.pid);
  base::Fd root = base::open_file(proc + "/root", O_PATH | O_DIRECTORY);
  if (state.namespaces.user) user_namespace = base::open_file(proc + "/ns/user", O_RDONLY);
  // The number was the container's all the time: its process is there still.
  if (!process_is_alive(state)) throw base::Error("container", state.name, "it is not running any more");
  return root;
}

void become_root_of(const base::Fd& user_namespace) {
  base::check(setgroups(0, nullptr), "leave groups");
  base::check(setns(user_namespace.get(), CLONE_NEWUSER), "join the user namespace");
  base::check(setresgid(0, 0, 0), "become group 0 of the user namespace");
  base::check(setresuid(0, 0, 0), "become user 0 of the user namespace");
  base::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "set dumpable");
}

}  // namespace

ContainerFiles hold_files(const Machine& machine, const std::string& container, bool writes) {
  StateStore store(machine.state);
  ContainerFiles files{.state = store.find(container)};
  if (files.state.status == Status::kRunning) return files;
  if (std::optional<base::Fd> lock = store.try_lock(files.state.id)) files.lock = std::move(*lock);
  std::optional<ContainerState> now = store.load(files.state.id);
  if (!now) throw base::Error("container", container, "it was removed meanwhile");
  files.state = std::move(*now);
  if (is_active(files.state)) {
    throw base::Error("container", container, "it is " + std::string(status_name(files.state.status)));
  }
  if (!files.lock) throw base::Error("container", container, "another command is at work on it");
  if (writes && load_request(store, files.state.id).request.read_only) {
    throw base::Error("copy to", container, "its root is read-only");
  }
  return files;
}

base::Fd enter_files(const Machine& machine, const ContainerFiles& files) {
  base::Fd user_namespace;
  base::Fd root =
      files.lock ? mount_files(machine, files.state, user_namespace) : find_files(files.state, user_namespace);
  if (user_namespace) become_root_of(user_namespace);
  return root;
}

}  // namespace runtime
