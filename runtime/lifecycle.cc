// What is made for a container and where it is written down, in this order, so that a crash at any point leaves only
// what settle() finds: state directory (with lock) → ids → writable layer → address → ports → cgroup, namespaces,
// mounts. Namespaces and mounts go with their last process, and the process goes with its supervisor.

#include "runtime/lifecycle.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/id_range.h"
#include "runtime/launch.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr const char* kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::uint64_t kVolumeAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr int kCgroupWait = 3000;  // milliseconds until killed processes have left
constexpr const char* kOwnerFile = "owner";
constexpr const char* kRemovedPrefix = ".removed-";  // no id begins so

std::string containers_path(const Machine& machine) {
  return machine.root + "/containers";
}
std::string data_path(const Machine& machine, const std::string& id) {
  return containers_path(machine) + "/" + id;
}

// Directories of writable layers, of any state directory.
std::vector<std::string> all_data(const Machine& machine) {
  if (!base::exists(containers_path(machine))) return {};
  return base::list_directory(containers_path(machine));
}

// A crash at any point leaves only what remove_orphans() finds: the ids go first, since nobody would ask about a range
// without files; and a directory that is half gone, perhaps without its owner's name, has been renamed before.
void remove_data(const Machine& machine, const std::string& id) {
  release_ids(machine.root, id);
  if (!base::exists(data_path(machine, id))) return;
  base::Fd containers = base::open_directory(containers_path(machine));
  std::string removed = kRemovedPrefix + id;
  if (renameat(containers.get(), id.c_str(), containers.get(), removed.c_str()) < 0 && errno != ENOENT) {
    base::throw_errno("remove", data_path(machine, id));
  }
  base::remove_tree_at(containers, removed);
}

void write_owned(const std::string& path, std::string_view text, std::uint32_t owner) {
  base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  base::check(fchown(file.get(), owner, owner), "give to the container", path);
  base::write_all(file, text);
}

void make_owned_directory(const std::string& path, std::uint32_t owner, mode_t mode) {
  base::make_directories(path, mode);
  base::check(chown(path.c_str(), owner, owner), "give to the container", path);
}

// The writable layer, and the files in /etc that a runtime provides.
void make_data(const Machine& machine, const RunRequest& request, ContainerSpec& spec, std::uint32_t first_id) {
  std::string data = data_path(machine, spec.id);
  base::make_directories(data, 0711);
  base::write_file_atomic(data + "/" + kOwnerFile, machine.state, 0600);
  make_owned_directory(data + "/upper", first_id, 0755);
  make_owned_directory(data + "/work", first_id, 0700);
  spec.root.upper = data + "/upper";
  spec.root.work = data + "/work";

  std::string host = base::read_file_if_exists("/etc/resolv.conf").value_or("");
  std::string resolved = base::read_file_if_exists("/run/systemd/resolve/resolv.conf").value_or("");
  std::string resolver = request.network == "host" ? host : resolver_configuration(host, resolved, request.dns_servers);
  if (request.network == "none") resolver.clear();
  std::string own = spec.network.address.empty() ? "127.0.1.1" : spec.network.address;
  std::string hosts =
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" + own + "\t" + spec.host_name + "\n";
  for (const auto& [name, text] : {std::pair<std::string, std::string>{"resolv.conf", resolver},
                                   {"hosts", hosts},
                                   {"hostname", spec.host_name + "\n"}}) {
    write_owned(data + "/" + name, text, first_id);
    spec.mounts.push_back({.destination = "/etc/" + name,
                           .type = "bind",
                           .source = data + "/" + name,
                           .attributes = kVolumeAttributes | MOUNT_ATTR_NOEXEC});
  }
}

Process make_process(const RunRequest& request, const Image& image, const std::string& host_name) {
  Process process;
  process.arguments = command_line(image.config.entrypoint, image.config.cmd, request.entrypoint, request.command);
  if (process.arguments.empty()) {
    throw base::Error("run", image.reference, "the image names no command, and none was given");
  }
  std::vector<std::string> base_environment = {kDefaultPath, "HOSTNAME=" + host_name};
  process.environment = merge_environment(merge_environment(base_environment, image.config.env), request.environment);
  process.working_directory = request.working_directory.value_or(image.config.working_dir);
  if (!process.working_directory.starts_with('/')) process.working_directory.insert(0, "/");
  process.user = request.user.value_or(image.config.user);
  process.capabilities = default_capabilities();
  process.limits = {{.resource = RLIMIT_CORE, .limit = {0, 0}}};
  process.seccomp = default_seccomp_filter(process.capabilities.bounding);
  return process;
}

// RFC 9562, version 4.
std::string random_uuid() {
  std::string hex = base::system_random().hex_string(16);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] % 4];
  for (std::size_t at : {20, 16, 12, 8}) hex.insert(at, "-");
  return hex;
}

ContainerSpec make_spec(const RunRequest& request, const Image& image, const ContainerState& state) {
  ContainerSpec spec;
  spec.id = state.id;
  spec.host_name = request.network == "host" && request.host_name.empty() ? "" : request.host_name;
  if (spec.host_name.empty()) spec.host_name = state.id;
  spec.process = make_process(request, image, spec.host_name);
  spec.root.layers = image.layer_directories;
  spec.root.read_only = request.read_only;
  spec.namespaces = state.namespaces;
  spec.mounts = default_mounts(spec.namespaces.network);
  spec.masked_paths = default_masked_paths();
  spec.read_only_paths = default_read_only_paths();
  spec.resources = request.resources;
  if (request.boot) make_machine(spec, random_uuid());
  return spec;
}

void add_volumes(const RunRequest& request, ContainerSpec& spec) {
  for (const Volume& volume : request.volumes) {
    spec.mounts.push_back({.destination = volume.destination,
                           .type = "bind",
                           .source = volume.source,
                           .recursive_attributes = kVolumeAttributes | (volume.read_only ? MOUNT_ATTR_RDONLY : 0u),
                           .recursive = true,
                           .id_mapped = true});
  }
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
}

void finish(const Machine& machine, StateStore& store, ContainerState& state, int exit_code) {
  release_resources(machine, store, state);
  if (state.remove_at_exit) {
    remove_container(machine, state);
    return;
  }
  state.status = Status::kExited;
  state.exit_code = exit_code;
  state.finished = now_text();
  store.save(state);
}

void settle_one(const Machine& machine, StateStore& store, const std::string& id) {
  std::optional<base::Fd> lock = store.try_lock(id);
  if (!lock) return;
  std::optional<ContainerState> state = store.load(id);
  if (!state || !state->bundle.empty()) return;
  bool ended = state->status == Status::kExited;
  if (ended && !state->remove_at_exit) return;
  if (process_is_alive(*state)) signal_process(state->pid, state->start_time, SIGKILL);
  state->error = "its supervisor was killed";
  finish(machine, store, *state, 128 + SIGKILL);
}

void remove_orphans(const Machine& machine, StateStore& store) {
  for (const std::string& id : all_data(machine)) {
    if (id.starts_with(kRemovedPrefix)) base::remove_tree_at(base::open_directory(containers_path(machine)), id);
    if (!is_valid_id(id) || base::exists(store.path_of(id))) continue;
    std::optional<std::string> owner = base::read_file_if_exists(data_path(machine, id) + "/" + kOwnerFile);
    if (owner == machine.state) remove_data(machine, id);
  }
}

}  // namespace

Machine machine_of(const base::Invocation& invocation) {
  Machine machine{.root = invocation.get("root"), .state = invocation.get("state"), .subnet = {}};
  if (!machine.root.starts_with('/'))
    throw base::UsageError("--root '" + machine.root + "': expected an absolute path");
  if (!machine.state.starts_with('/')) {
    throw base::UsageError("--state '" + machine.state + "': expected an absolute path");
  }
  machine.subnet = parse_subnet(invocation.get("network"));
  return machine;
}

int run_container(const Machine& machine, const RunRequest& request, const Image& image, base::Fd image_lock, bool echo,
                  const std::function<void(const std::string& id)>& started) {
  StateStore store(machine.state);
  ContainerState state;
  state.id = base::system_random().hex_string(6);
  state.name = request.name.empty() ? state.id : request.name;
  state.image = image.reference;
  state.image_digest = image.digest;
  state.created = now_text();
  state.network = request.network;
  state.stop_signal = image.config.stop_signal.empty() ? "SIGTERM" : image.config.stop_signal;
  if (request.boot) state.stop_signal = kPowerOffSignal;
  state.machine = request.boot;
  state.remove_at_exit = request.remove_at_exit;
  state.namespaces.network = request.network != "host";
  ContainerSpec spec = make_spec(request, image, state);
  state.command = spec.process.arguments;
  state.process = spec.process;

  base::Fd lock = store.create(state);
  image_lock.reset();
  try {
    std::vector<base::Fd> claims;
    for (const PublishedPort& port : request.ports) claims.push_back(claim_port(port));
    // Only now they are ours, to be withdrawn at the end: until here another container may have them.
    state.ports = request.ports;
    state.first_id = allocate_ids(machine.root, state.id, [&] {
      std::vector<std::string> existing = all_data(machine);
      std::vector<std::string> created = store.ids();
      existing.insert(existing.end(), created.begin(), created.end());
      return existing;
    }());
    spec.uid_map = spec.gid_map = {{.inside = 0, .outside = state.first_id, .count = kIdsPerContainer}};
    Network network(store, machine.subnet);
    if (request.network == "bridge") spec.network = network.reserve(state.id);
    state.address = spec.network.address;
    make_data(machine, request, spec, state.first_id);
    add_volumes(request, spec);
    CgroupPlan plan = plan_cgroup(state.id, "Container " + state.name + " (" + image.reference + ")");
    state.cgroup = plan.path;
    store.save(state);
    base::write_file_atomic(store.path_of(state.id, "seccomp"), seccomp_to_bytes(spec.process.seccomp), 0600);

    LogWriter log(store.path_of(state.id));
    OutputPipes pipes = make_output_pipes(state.first_id);
    hold_signals();
    InitFiles files{.standard_input = request.keep_standard_input ? base::Fd() : base::open_file("/dev/null", O_RDONLY),
                    .standard_output = std::move(pipes.output_write),
                    .standard_error = std::move(pipes.error_write),
                    .start_socket = {}};
    Launched launched = launch(spec, plan, std::move(files), [&](int pid) {
      if (request.network != "bridge") return;
      network.connect(state.id, spec.network, pid);
      network.publish_all(state.ports, state.address);
    });
    state.pid = launched.pid;
    state.start_time = process_start_time(launched.pid);
    state.cgroup = launched.cgroup.path();
    store.save(state);
    wait_until_running(launched);
    state.status = Status::kRunning;
    state.started = now_text();
    store.save(state);
    started(state.id);

    int termination = 0;
    if (request.boot) {
      pipes = console_pipes(std::move(launched.terminal));
      termination = signal_by_name(state.stop_signal);
    }
    int exit_code = supervise(launched, pipes, log, echo, termination);
    if (request.boot) exit_code = exit_code_of_machine(exit_code);
    state.out_of_memory = launched.cgroup.exists() && launched.cgroup.out_of_memory_killed();
    finish(machine, store, state, exit_code);
    return exit_code;
  } catch (...) {
    // Not started: nothing of it stays, so that the same command can be given again.
    if (state.status != Status::kRunning) {
      release_resources(machine, store, state);
      remove_container(machine, state);
    }
    throw;
  }
}

void settle(const Machine& machine) {
  StateStore store(machine.state);
  for (const std::string& id : store.ids()) settle_one(machine, store, id);
  base::Fd held = store.lock_all();
  store.remove_unfinished();
  remove_orphans(machine, store);
}

void remove_container(const Machine& machine, const ContainerState& state) {
  StateStore store(machine.state);
  store.remove(state.id);
  remove_data(machine, state.id);
}

bool wait_until_settled(const StateStore& store, const std::string& id, int milliseconds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (store.is_attended(id)) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 10);
  }
  return true;
}

std::vector<ImageUse> image_uses(const base::Invocation& invocation) {
  std::vector<ImageUse> uses;
  for (const ContainerState& state : StateStore(invocation.get("state")).list()) {
    if (!state.image_digest.empty()) uses.push_back({.container = state.name, .digest = state.image_digest});
  }
  return uses;
}

}  // namespace runtime
