#include "runtime/oci_lifecycle.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/net_devices.h"
#include "runtime/oci_cgroup.h"
#include "runtime/oci_config.h"
#include "runtime/oci_hooks.h"
#include "runtime/seccomp_listener.h"
#include "runtime/start_gate.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr const char* kStartSocket = "start";  // start_gate.h
constexpr int kKillMilliseconds = 10000;
constexpr std::uint64_t kMostFiles = 1024;  // that a caller may hand down

// Sockets that systemd or the like hands down come first (sd_listen_fds(3)); inside, the application is process 1.
void pass_listening_sockets_on(Process& process) {
  const char* text = std::getenv("LISTEN_FDS");
  std::optional<std::uint64_t> count = base::parse_unsigned(text == nullptr ? "" : text);
  if (!count || *count == 0) return;
  if (*count > kMostFiles) throw base::Error("LISTEN_FDS", text, "expected at most " + std::to_string(kMostFiles));
  process.preserved_files += static_cast<unsigned>(*count);
  process.environment.push_back("LISTEN_FDS=" + std::to_string(*count));
  process.environment.emplace_back("LISTEN_PID=1");
  if (const char* names = std::getenv("LISTEN_FDNAMES")) {
    process.environment.push_back(std::string("LISTEN_FDNAMES=") + names);
  }
}

OciContainer read_container(const std::string& id, const CreateOptions& options) {
  std::string path = options.config.empty() ? options.bundle + "/config.json" : options.config;
  std::string config = base::read_file(path);
  // Protecting begins the program anew, so it is done before the reading when there can be no user namespace.
  if (config.find("uidMappings") == std::string::npos) protect_binary();
  // Static, so that it is never taken apart: that takes half as long as the parsing, and the process ends soon.
  static base::Json json;
  json = base::parse_json(config, path);
  OciContainer container = parse_oci_config(json, options.bundle, id);
  protect_binary_from(container.spec);
  container.spec.process.preserved_files = options.preserved_files;
  container.spec.process.new_keyring = options.new_keyring;
  if (options.foreground) take_size_of_ours(container.spec.process);
  pass_listening_sockets_on(container.spec.process);
  check_preserved_files(container.spec.process);
  return container;
}

ContainerState state_of(const OciContainer& container, const CreateOptions& options) {
  const ContainerSpec& spec = container.spec;
  ContainerState state;
  state.id = state.name = spec.id;
  state.bundle = options.bundle;
  state.root = spec.root.directory;
  state.created = now_text();
  state.command = spec.process.arguments;
  state.process = spec.process;
  state.namespaces = spec.namespaces;
  // What exec joins: a namespace that was joined is not the host's either.
  state.namespaces.network |= !spec.namespaces.network_path.empty();
  state.namespaces.ipc |= !spec.namespaces.ipc_path.empty();
  state.namespaces.uts |= !spec.namespaces.uts_path.empty();
  state.namespaces.pid |= !spec.namespaces.pid_path.empty();
  state.namespaces.user |= !spec.namespaces.user_path.empty();
  state.namespaces.cgroup |= !spec.namespaces.cgroup_path.empty();
  state.namespaces.time |= !spec.namespaces.time_path.empty();
  state.annotations = spec.annotations;
  return state;
}

// --- who gets the terminal's other end and the pidfd. Connected before anything is made, so that a wrong path is
// known.

struct Receivers {
  base::Fd console;
  base::Fd pidfd;
};

Receivers connect_receivers(const ContainerSpec& spec, const CreateOptions& options) {
  if (spec.process.terminal && !options.foreground && options.console_socket.empty()) {
    throw base::Error("create", spec.id, "process.terminal needs --console-socket when nobody stays");
  }
  if (!spec.process.terminal && !options.console_socket.empty()) {
    throw base::Error("create", spec.id, "--console-socket needs process.terminal");
  }
  Receivers receivers;
  if (!options.console_socket.empty()) receivers.console = connect_unix(options.console_socket, SOCK_STREAM);
  if (!options.pidfd_socket.empty()) receivers.pidfd = connect_unix(options.pidfd_socket, SOCK_STREAM);
  return receivers;
}

void hand_out(Launched& launched, const Receivers& receivers, const CreateOptions& options) {
  if (receivers.console) {
    send_descriptor(receivers.console, launched.terminal, terminal_name(launched.terminal));
    launched.terminal.reset();
  }
  if (receivers.pidfd) send_descriptor(receivers.pidfd, launched.pid_fd, "pidfd");
  if (!options.pid_file.empty()) base::write_file_atomic(options.pid_file, std::to_string(launched.pid));
}

// --- hooks

std::string state_for_hook(const ContainerState& state, std::string_view status) {
  int pid = status == "stopped" ? 0 : state.pid;
  return hook_state(state.id, status, pid, state.bundle, state.annotations);
}

// The specification has their failure logged, and the others run.
void run_poststop_hooks(const Hooks& hooks, const ContainerState& state) {
  for (const Hook& hook : hooks.poststop) {
    try {
      run_hooks("poststop", {hook}, state_for_hook(state, "stopped"));
    } catch (const base::Error& error) {
      base::log_warning("container {}: {}", state.id, error.what());
    }
  }
}

void wait_until_ended(const ContainerState& state) {
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  pollfd wait = {.fd = pid_fd.get(), .events = POLLIN, .revents = 0};
  if (pid_fd) poll(&wait, 1, kKillMilliseconds);
}

// After the failure of a hook around the start (runtime.md "Lifecycle").
void end_and_delete(StateStore& store, const ContainerState& state) {
  signal_process(state.pid, state.start_time, SIGKILL);
  wait_until_ended(state);
  delete_container(store, state);
}

}  // namespace

void check_preserved_files(const Process& process) {
  for (unsigned number = 3; number < 3 + process.preserved_files; number++) {
    if (fcntl(static_cast<int>(number), F_GETFD) < 0) {
      throw base::Error("preserve files", "descriptor " + std::to_string(number), errno);
    }
  }
}

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
  if (!state) throw base::Error("container " + id, "", "does not exist");
  return std::move(*state);
}

std::optional<NotifyProxy> start_container(StateStore& store, ContainerState& state) {
  if (status_of(state) != Status::kCreated) {
    throw base::Error("start", state.id, "it is " + std::string(oci_status(state)) + ", not created");
  }
  std::optional<NotifyProxy> proxy;
  std::string notify = store.path_of(state.id, kNotifyDirectory);
  if (has_manager() && base::exists(notify)) proxy.emplace(notify, state.pid);
  Channel channel(connect_unix(store.path_of(state.id, kStartSocket), SOCK_SEQPACKET));
  while (std::optional<Message> message = channel.receive()) {
    if (message->kind == kListener) {
      answer_listener_request(channel, *message, state.process.seccomp.listener, state.pid,
                              state_for_hook(state, "created"));
      continue;
    }
    if (message->code == kHookFailed) end_and_delete(store, state);
    throw StartError(message->code == kHookFailed ? 125 : message->code, message->text);
  }
  state.status = Status::kRunning;
  state.started = now_text();
  store.save(state);
  try {
    run_hooks("poststart", load_hooks(store, state.id).poststart, state_for_hook(state, "running"));
  } catch (const base::Error&) {
    end_and_delete(store, state);
    throw;
  }
  return proxy;
}

Launched create_container(StateStore& store, const std::string& id, const CreateOptions& options,
                          ContainerState& state) {
  if (!is_valid_id(id)) throw base::Error("container", id, "not an id: letters, digits, _ + - (and . after the first)");
  OciContainer container = read_container(id, options);
  ContainerSpec& spec = container.spec;
  CgroupPlan plan = plan_oci_cgroup(container, options.systemd_cgroup);
  if (plan.kind != CgroupPlan::Kind::kNone && base::exists(plan.path) && !Cgroup(plan.path).processes().empty()) {
    throw base::Error("create", id, "the cgroup " + plan.path + " is in use");
  }
  state = state_of(container, options);
  state.cgroup = plan.path;
  // Nobody is to see it between its creation and its start, so that they are one.
  const bool listener = !spec.process.seccomp.listener.path.empty();
  const bool start_at_once = options.start && !spec.hooks.any() && !has_manager() && !listener;
  Receivers receivers = connect_receivers(spec, options);
  std::optional<RuntimeNamespaces> here;
  if (spec.hooks.any()) here.emplace();
  base::Fd lock = store.create(state);
  MovedDevices net_devices;
  try {
    if (spec.intel_rdt) {
      state.resctrl = make_resctrl_groups(resctrl_mount(), id, *spec.intel_rdt);
      store.save(state);
    }
    base::write_file_atomic(store.path_of(id, "seccomp"), seccomp_to_bytes(spec.process.seccomp.program), 0600);
    save_hooks(store, id, spec.hooks);
    if (has_manager()) provide_notify_socket(store.path_of(id, kNotifyDirectory), spec);
    InitFiles files;
    if (!start_at_once) files.start_socket = listen_for_start(store.path_of(id));
    Launched launched = launch(spec, plan, std::move(files), [&](int pid) {
      if (here) here->enter();
      join_resctrl(state.resctrl, pid);
      net_devices = MovedDevices::move(spec.net_devices, pid);
    });
    state.pid = launched.pid;
    state.start_time = process_start_time(launched.pid);
    wait_until_running(launched, [&] {
      run_hooks("prestart", spec.hooks.prestart, state_for_hook(state, "creating"));
      run_hooks("createRuntime", spec.hooks.create_runtime, state_for_hook(state, "creating"));
    });
    state.status = start_at_once ? Status::kRunning : Status::kCreated;
    if (start_at_once) state.started = now_text();
    store.save(state);
    hand_out(launched, receivers, options);
    net_devices.keep();
    return launched;
  } catch (...) {
    if (state.pid > 0) signal_process(state.pid, state.start_time, SIGKILL);
    remove_oci_cgroup(state.cgroup, 1000);
    remove_resctrl(state.resctrl);
    store.remove(id);
    if (here) run_poststop_hooks(spec.hooks, state);
    throw;
  }
}

void delete_container(StateStore& store, const ContainerState& state) {
  if (!remove_oci_cgroup(state.cgroup, kKillMilliseconds)) {
    throw base::Error("delete", state.id, "processes are still in " + state.cgroup);
  }
  remove_resctrl(state.resctrl);
  Hooks hooks = load_hooks(store, state.id);
  store.remove(state.id);
  run_poststop_hooks(hooks, state);
}

}  // namespace runtime
