// What is made for a container and where it is written down, in this order, so that a crash at any point leaves only
// what settle() finds: state directory (with lock) → ids → writable layer → request; then, at each start: address →
// ports → cgroup, namespaces, mounts. Namespaces and mounts go with their last process, and the process goes with its
// keeper: the `container` process that started it, or its unit.

#include "runtime/lifecycle.h"

#include <poll.h>
#include <signal.h>

#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "runtime/anonymous_volumes.h"
#include "runtime/boot.h"
#include "runtime/container_data.h"
#include "runtime/container_spec.h"
#include "runtime/container_uses.h"
#include "runtime/container_volumes.h"
#include "runtime/event_log.h"
#include "runtime/health_probe.h"
#include "runtime/id_range.h"
#include "runtime/joined_container.h"
#include "runtime/pod_member.h"
#include "runtime/secret_files.h"
#include "runtime/service.h"
#include "runtime/supervisor.h"
#include "runtime/sysctl.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

constexpr const char* kRequestFile = "spec.json";
constexpr int kCgroupWait = 3000;  // milliseconds until killed processes have left

ContainerState first_state(const RunRequest& request, const Image& image) {
  ContainerState state;
  state.id = base::system_random().hex_string(6);
  state.name = request.name.empty() ? state.id : request.name;
  state.image = image.reference;
  state.image_digest = image.digest;
  state.created = now_text();
  state.pod = request.pod;
  state.network = request.network;
  state.stop_signal = request.stop_signal;
  if (state.stop_signal.empty() && !request.boot) state.stop_signal = image.config.stop_signal;
  if (state.stop_signal.empty()) state.stop_signal = request.boot ? kPowerOffSignal : "SIGTERM";
  signal_by_name(state.stop_signal);
  state.stop_timeout = request.stop_timeout.value_or(state.stop_timeout);
  state.machine = request.boot;
  state.tty = request.terminal;
  state.open_stdin = request.keep_standard_input;
  state.remove_at_exit = request.remove_at_exit;
  state.restart_policy = restart_policy_text(request.restart);
  state.labels = image.config.labels;
  for (const auto& [key, value] : request.labels) state.labels[key] = value;
  state.namespaces.network = request.network != "host";
  state.namespaces.pid = request.pid_mode != "host";
  state.namespaces.ipc = request.ipc_mode != "host";
  state.namespaces.uts = request.uts_mode != "host";
  state.namespaces.user = !request.host_users;
  return state;
}

// Without a user namespace its ids are the host's; with that of another container, or of a pod, they are those of that.
std::uint32_t take_ids(const Machine& machine, const StateStore& store, const ContainerState& state,
                       const std::optional<ContainerState>& joined, const std::optional<NewMember>& member) {
  if (!state.namespaces.user) return 0;
  if (joined) return share_ids(machine.root, state.id, joined->id);
  std::vector<std::string> existing = all_data(machine);
  for (const std::vector<std::string>& ids : {store.ids(), PodStore(store).ids()}) {
    existing.insert(existing.end(), ids.begin(), ids.end());
  }
  if (member) return member->take_ids(machine, state.id, existing);
  return allocate_ids(machine.root, state.id, existing);
}

// What the container gets of this machine's devices, and the rules for them.
void give_devices(const Machine& machine, const RunRequest& request, const ContainerState& state, ContainerSpec& spec) {
  std::vector<DeviceRule> rules;
  std::vector<Mount> mounts =
      make_device_nodes(request.devices, data_path(machine, state.id) + "/devices", state.first_id, rules);
  spec.mounts.insert(spec.mounts.end(), mounts.begin(), mounts.end());
  // Else the nodes that are there are all that can be opened.
  if (!spec.resources.devices.empty()) {
    spec.resources.devices.insert(spec.resources.devices.end(), rules.begin(), rules.end());
  }
}

// A place of their own in memory; last, so that no other mount hides it.
void give_secrets(const Machine& machine, const RunRequest& request, ContainerSpec& spec) {
  if (request.secrets.empty()) return;
  SecretStore store(machine.root);
  for (const SecretWord& secret : request.secrets) {
    spec.secrets.push_back({.source = store.path_of(secret.name),
                            .target = secret.target,
                            .mode = secret.mode,
                            .uid = secret.uid,
                            .gid = secret.gid});
  }
  spec.mounts.push_back({.destination = kSecretsPlace, .type = "bind", .secrets = true});
}

// With the address of the one whose network it is, for /etc/hosts.
std::optional<SharedNamespaces> share_namespaces(const StateStore& store, const RunRequest& request,
                                                 ContainerState& state) {
  std::string id = joined_container(request);
  if (id.empty()) return std::nullopt;
  std::optional<ContainerState> other = store.load(id);
  if (!other) throw base::Error("join container", id, "there is none");
  // Before, its process may still have the machine's /dev/shm.
  if (other->status != Status::kRunning) throw base::Error("join container", other->name, "it is not running");
  if (wanted_of(request).network) state.address = other->address;
  return SharedNamespaces::open(*other);
}

// Takes back what a container had while it ran. Each part is tried even when one before it failed.
void release_resources(const Machine& machine, StateStore& store, const ContainerState& state) {
  auto attempt = [&](const char* what, const std::function<void()>& action) {
    try {
      action();
    } catch (const base::Error& error) {
      base::log_warning("container {}: release {}: {}", state.id, what, error.what());
    }
  };
  attempt("cgroup", [&] {
    if (state.cgroup.empty()) return;
    Cgroup cgroup(state.cgroup);
    cgroup.kill_all();
    if (!cgroup.remove(kCgroupWait)) throw base::Error("remove cgroup", state.cgroup, "processes are still in it");
  });
  attempt("network", [&] { Network(store, machine.subnet).release(state); });
  attempt("pod", [&] { release_pod(store, state.pod, state.id); });
}

ContainerState load_known(const StateStore& store, const std::string& id) {
  std::optional<ContainerState> state = store.load(id);
  if (!state) throw base::Error("container", id, "there is none");
  return *state;
}

// A container that nobody holds: is anything to be done about it?
void settle_one(const Machine& machine, StateStore& store, const std::string& id) {
  std::optional<base::Fd> lock = store.try_lock(id);
  if (!lock) return;
  std::optional<ContainerState> state = store.load(id);
  if (!state || !state->bundle.empty()) return;
  if (state->status == Status::kCreating) return remove_with_volumes(machine, id);
  if (state->status == Status::kCreated) return;
  if (state->status == Status::kExited) {
    if (state->remove_at_exit) remove_container(machine, id);
    return;
  }
  if (state->keeper == Keeper::kSystemd) {
    if (process_is_alive(*state) || unit_is_at_work(id)) return;
    // The unit may have written the end down between our two looks.
    state = store.load(id);
    if (!state || !is_active(*state)) return;
  } else if (process_is_alive(*state)) {
    signal_process(state->pid, state->start_time, SIGKILL);
  }
  if (state->status == Status::kRestarting) {
    return finish(machine, id, state->exit_code, state->out_of_memory, false);
  }
  store.edit(id, [](ContainerState& lost) {
    lost.error = lost.keeper == Keeper::kSystemd ? "nobody saw its end" : "its supervisor was killed";
  });
  finish(machine, id, 128 + SIGKILL, false, false);
}

}  // namespace

Machine machine_of(const base::Invocation& invocation) {
  Machine machine{.root = invocation.get("root"), .state = invocation.get("state"), .subnet = {}};
  if (!machine.root.starts_with('/'))
    throw base::UsageError("--root '" + machine.root + "': expected an absolute path");
  if (!machine.state.starts_with('/')) {
    throw base::UsageError("--state '" + machine.state + "': expected an absolute path");
  }
  machine.subnet = parse_subnet(invocation.get("subnet"));
  return machine;
}

std::string create_container(const Machine& machine, const RunRequest& asked, const Image& image, base::Fd image_lock,
                             Status made, base::Fd& lock) {
  StateStore store(machine.state);
  SavedRequest saved{.request = asked, .image = image};
  name_anonymous_volumes(saved.request, image.reference, image.config.volumes, base::system_random());
  std::optional<ContainerState> joined = find_joined_container(store, saved.request);
  std::optional<NewMember> member = NewMember::begin(machine, saved.request);
  ContainerState state = first_state(saved.request, image);
  if (member) state.pod_name = member->pod().name;
  ContainerSpec spec = make_spec(saved, state, {});
  check_sysctls(spec);
  if (member) member->check(spec);
  state.command = spec.process.arguments;
  lock = store.create(state);
  image_lock.reset();
  try {
    state.first_id = take_ids(machine, store, state, joined, member);
    make_layer(machine, state.id, state.first_id);
    claim_uses(machine, state.id, saved.request);
    save_request(store, state.id, saved);
    state.status = made;
    store.save(state);
  } catch (...) {
    if (member) member->release();
    remove_with_volumes(machine, state.id);
    throw;
  }
  if (member) member->made();
  record_event(store, state, "create");
  return state.id;
}

std::optional<SavedRequest> find_request(const StateStore& store, const std::string& id) {
  std::string path = store.path_of(id, kRequestFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  return saved_request_from(*text, path);
}

SavedRequest load_request(const StateStore& store, const std::string& id) {
  std::optional<SavedRequest> saved = find_request(store, id);
  if (!saved) throw base::Error("read", store.path_of(id, kRequestFile), ENOENT);
  return std::move(*saved);
}

void save_request(const StateStore& store, const std::string& id, const SavedRequest& saved) {
  base::write_file_atomic(store.path_of(id, kRequestFile), to_text(saved), 0600);
}

Started start_from_files(const Machine& machine, const std::string& id, const CgroupPlan& plan, bool die_with_parent,
                         InitFiles files) {
  StateStore store(machine.state);
  SavedRequest saved = load_request(store, id);
  ContainerState state = load_known(store, id);
  auto save = [&] {
    // Others may have changed what is theirs (name, stop_requested) meanwhile.
    store.edit(id, [&](ContainerState& known) {
      state.name = known.name;
      state.stop_requested = known.stop_requested;
      known = state;
    });
  };
  log_openings(saved.request, state.name);
  bool waits = files.start_socket.valid();
  if (plan.kind == CgroupPlan::Kind::kNone && !saved.request.pid_mode.empty()) {
    throw base::Error("share processes with", saved.request.pid_mode, "needs cgroup v2, to end those of the container");
  }
  reset_health(store, id, health_check(saved.image.config.health, saved.request.health));
  try {
    Started started{.launched = {.pid_fd = {}, .channel = Channel(base::Fd()), .cgroup = Cgroup("")}, .claims = {}};
    std::optional<StartingMember> member = StartingMember::begin(machine, store, state);
    if (member) started.claims = member->claim_ports();
    for (const PublishedPort& port : saved.request.ports) started.claims.push_back(claim_port(port));
    // Only now they are ours, to be withdrawn at the end: until here another container may have them.
    state.ports = saved.request.ports;
    Network network(store, machine.subnet);
    bool of_pod = member && member->has_bridge();
    bool bridged = saved.request.network == "bridge" && (!of_pod || member->makes_namespaces());
    NetworkInterface interface;
    if (of_pod) {
      interface = member->reserve_address();
    } else if (bridged) {
      interface = network.reserve(id);
    }
    state.address = interface.address;
    std::optional<SharedNamespaces> shared = share_namespaces(store, saved.request, state);
    SavedRequest placed = saved;
    ContainerVolumes volumes(machine, id, placed.request);
    std::vector<Mount> provided = write_etc_files(machine, id, state.first_id, saved.request, state.address);
    ContainerSpec spec = make_spec(placed, state, provided);
    if (shared) shared->share(wanted_of(saved.request), spec);
    if (member) member->place(spec);
    give_devices(machine, saved.request, state, spec);
    give_secrets(machine, saved.request, spec);
    spec.network = interface;
    spec.root.upper = data_path(machine, id) + "/upper";
    spec.root.work = data_path(machine, id) + "/work";
    spec.die_with_parent = die_with_parent;
    take_size_of_ours(spec.process);
    state.process = spec.process;
    state.cgroup = plan.path;
    save();
    base::write_file_atomic(store.path_of(id, "seccomp"), seccomp_to_bytes(spec.process.seccomp.program), 0600);
    started.launched = launch(spec, plan, std::move(files), [&](int pid) {
      if (!bridged) return;
      if (of_pod) return member->connect(interface, pid);
      network.connect(id, interface, pid);
      network.publish_all(state.ports, state.address);
    });
    state.pid = started.launched.pid;
    state.start_time = process_start_time(state.pid);
    state.cgroup = started.launched.cgroup.path();
    save();
    wait_until_running(started.launched, [&] { volumes.filled(); });
    state.pod_ready = member.has_value();
    if (!waits) {
      state.status = Status::kRunning;
      state.started = now_text();
      state.finished.clear();
    }
    if (!waits || member) save();
    if (member) member->release();
    if (waits) return started;
    record_event(store, state, "start");
    return started;
  } catch (...) {
    release_resources(machine, store, state);
    store.edit(id, [](ContainerState& failed) {
      failed.address.clear();
      failed.ports.clear();
      failed.cgroup.clear();
      failed.pod_ready = false;
    });
    throw;
  }
}

void finish(const Machine& machine, const std::string& id, int exit_code, bool out_of_memory, bool again) {
  StateStore store(machine.state);
  std::optional<ContainerState> state = store.load(id);
  if (!state) return;
  if (state->status == Status::kRunning) {
    if (out_of_memory) record_event(store, *state, "oom");
    record_event(store, *state, "die", {{"exitCode", exit_code}});
  }
  if (state->remove_at_exit && !again) return remove_container(machine, id);
  release_resources(machine, store, *state);
  store.edit(id, [&](ContainerState& ended) {
    ended.status = again ? Status::kRestarting : Status::kExited;
    ended.exit_code = exit_code;
    ended.out_of_memory = out_of_memory;
    ended.finished = now_text();
    ended.pid = 0;
    ended.start_time = 0;
    ended.cgroup.clear();
    ended.pod_ready = false;
    ended.address.clear();
    ended.restart_wanted = false;
    ended.ports.clear();  // another container may have them from here on
    if (again) ended.restarts++;
  });
}

void settle(const Machine& machine) {
  StateStore store(machine.state);
  for (const std::string& id : store.ids()) settle_one(machine, store, id);
  settle_pods(machine);
  remove_orphans(machine);
}

void remove_container(const Machine& machine, const std::string& id) {
  StateStore store(machine.state);
  std::optional<ContainerState> state = store.load(id);
  // Also one whose start was cut off, and which nobody has finished.
  if (state) release_resources(machine, store, *state);
  store.remove(id);
  remove_data(machine, id);
  if (state) record_event(store, *state, "destroy");
}

void remove_with_volumes(const Machine& machine, const std::string& id) {
  let_volumes_go(machine, id);
  remove_container(machine, id);
}

bool wait_until_settled(const StateStore& store, const std::string& id, int milliseconds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    std::optional<ContainerState> state = store.load(id);
    bool attended = store.is_attended(id);
    if (!state || (!attended && !is_active(*state))) return true;
    // Killed with its supervisor: settle() will write it down.
    if (!attended && state->keeper == Keeper::kProcess && !process_is_alive(*state)) return true;
    if (milliseconds >= 0 && std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 10);
  }
}

bool is_active(const ContainerState& state) {
  return state.status != Status::kExited && state.status != Status::kCreated;
}

std::vector<ImageUse> image_uses(const base::Invocation& invocation) {
  std::vector<ImageUse> uses;
  for (const ContainerState& state : StateStore(invocation.get("state")).list()) {
    if (!state.image_digest.empty()) uses.push_back({.container = state.name, .digest = state.image_digest});
  }
  return uses;
}

}  // namespace runtime
