#include "runtime/oci_lifecycle.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "runtime/oci_config.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr const char* kStartSocket = "start";
constexpr int kKillMilliseconds = 10000;

// --- the socket on which a created container waits: its first process listens, `start` connects.

sockaddr_un address_of(const base::Fd& directory) {
  // By the directory's descriptor, since a socket's path may have 107 characters only.
  std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + kStartSocket;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

base::Fd listen_for_start(const std::string& directory) {
  base::Fd place = base::open_directory(directory);
  base::Fd listener(base::check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "make a socket"));
  sockaddr_un address = address_of(place);
  base::check(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind", directory);
  base::check(listen(listener.get(), 1), "listen", directory);
  return listener;
}

CgroupPlan plan_of(const OciContainer& container) {
  CgroupPlan plan{.kind = CgroupPlan::Kind::kNone, .mount = cgroup_mount()};
  if (plan.mount.empty()) return plan;
  if (container.cgroups_path.find(':') != std::string::npos) {
    throw base::Error("config.json", "linux.cgroupsPath", "systemd's form slice:prefix:name is not supported");
  }
  if (container.cgroups_path.find("..") != std::string::npos) {
    throw base::Error("config.json", "linux.cgroupsPath", "'..' is not allowed");
  }
  plan.kind = CgroupPlan::Kind::kDirectory;
  std::string path = container.cgroups_path.empty() ? "clusteros/oci-" + container.spec.id : container.cgroups_path;
  plan.path = plan.mount + (path.starts_with('/') ? "" : "/") + path;
  return plan;
}

}  // namespace

Status status_of(const ContainerState& state) {
  if (state.status == Status::kCreating && state.pid == 0) return Status::kCreating;
  return process_is_alive(state) ? state.status : Status::kExited;
}

std::string_view oci_status(const ContainerState& state) {
  Status status = status_of(state);
  if (status == Status::kExited) return "stopped";
  if (status == Status::kRunning && !state.cgroup.empty() && Cgroup(state.cgroup).is_frozen()) return "paused";
  return status_name(status);
}

ContainerState load(const StateStore& store, const std::string& id) {
  std::optional<ContainerState> state = store.load(id);
  if (!state) throw base::Error("container", id, "there is none");
  return std::move(*state);
}

void start_container(StateStore& store, ContainerState& state) {
  if (status_of(state) != Status::kCreated) {
    throw base::Error("start", state.id, "it is " + std::string(oci_status(state)) + ", not created");
  }
  base::Fd place = base::open_directory(store.path_of(state.id));
  base::Fd connection(base::check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "make a socket"));
  sockaddr_un address = address_of(place);
  base::check(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "start", state.id);
  Channel channel(std::move(connection));
  if (std::optional<Message> failure = channel.receive()) throw StartError(failure->code, failure->text);
  state.status = Status::kRunning;
  state.started = now_text();
  store.save(state);
}

Launched create_container(StateStore& store, const std::string& id, const std::string& bundle,
                          const std::string& pid_file, ContainerState& state) {
  if (!is_valid_id(id)) throw base::Error("container", id, "not an id: letters, digits, _ + - (and . after the first)");
  std::string path = bundle + "/config.json";
  OciContainer container = parse_oci_config(base::parse_json(base::read_file(path), path), bundle, id);
  CgroupPlan plan = plan_of(container);
  if (plan.kind == CgroupPlan::Kind::kDirectory && base::exists(plan.path) && !Cgroup(plan.path).processes().empty()) {
    throw base::Error("create", id, "the cgroup " + plan.path + " is in use");
  }
  state.id = state.name = id;
  state.bundle = bundle;
  state.created = now_text();
  state.command = container.spec.process.arguments;
  state.process = container.spec.process;
  state.namespaces = container.spec.namespaces;
  // What exec joins: a namespace that was joined is not the host's either.
  state.namespaces.network |= !container.spec.namespaces.network_path.empty();
  state.namespaces.ipc |= !container.spec.namespaces.ipc_path.empty();
  state.namespaces.uts |= !container.spec.namespaces.uts_path.empty();
  state.namespaces.pid |= !container.spec.namespaces.pid_path.empty();
  state.annotations = container.spec.annotations;
  state.cgroup = plan.path;
  base::Fd lock = store.create(state);
  try {
    base::write_file_atomic(store.path_of(id, "seccomp"), seccomp_to_bytes(container.spec.process.seccomp), 0600);
    InitFiles files;
    files.start_socket = listen_for_start(store.path_of(id));
    Launched launched = launch(container.spec, plan, std::move(files), [](int) {});
    wait_until_running(launched);
    state.pid = launched.pid;
    state.start_time = process_start_time(launched.pid);
    state.status = Status::kCreated;
    store.save(state);
    if (!pid_file.empty()) base::write_file_atomic(pid_file, std::to_string(launched.pid));
    return launched;
  } catch (...) {
    if (state.pid > 0) signal_process(state.pid, state.start_time, SIGKILL);
    if (!state.cgroup.empty()) Cgroup(state.cgroup).remove(1000);
    store.remove(id);
    throw;
  }
}

void delete_container(StateStore& store, const ContainerState& state) {
  if (!state.cgroup.empty()) {
    Cgroup cgroup(state.cgroup);
    if (!cgroup.processes().empty()) cgroup.kill_all();
    if (!cgroup.remove(kKillMilliseconds))
      throw base::Error("delete", state.id, "processes are still in " + state.cgroup);
  }
  store.remove(state.id);
}

}  // namespace runtime
