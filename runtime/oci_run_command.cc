#include "runtime/oci_run_command.h"

#include <signal.h>

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "runtime/foreground.h"
#include "runtime/launch.h"
#include "runtime/oci_lifecycle.h"
#include "runtime/supervisor.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

constexpr std::uint64_t kMostFiles = 1024;

bool wants_systemd(const base::Invocation& invocation) {
  return invocation.flag("systemd-cgroup") || invocation.get("cgroup-manager") == "systemd";
}

CreateOptions options_of(const base::Invocation& invocation) {
  if (invocation.flag("no-pivot")) {
    throw base::UsageError(
        "--no-pivot: not supported, since a container could leave a root that is merely mounted over");
  }
  return {.bundle = std::filesystem::weakly_canonical(invocation.get("bundle")),
          .config = absolute_path(invocation, "config"),
          .pid_file = absolute_path(invocation, "pid-file"),
          .console_socket = absolute_path(invocation, "console-socket"),
          .pidfd_socket = absolute_path(invocation, "pidfd-socket"),
          .preserved_files = static_cast<unsigned>(invocation.number("preserve-fds", 0, kMostFiles)),
          .new_keyring = !invocation.flag("no-new-keyring"),
          .systemd_cgroup = wants_systemd(invocation)};
}

void kill_and_forget(StateStore& store, const ContainerState& state) {
  signal_process(state.pid, state.start_time, SIGKILL);
  wait_for_exit(state.pid);
  if (store.load(state.id)) delete_container(store, state);
}

}  // namespace

std::string absolute_path(const base::Invocation& invocation, std::string_view option) {
  const std::string& value = invocation.get(option);
  return value.empty() ? "" : std::filesystem::absolute(value).string();
}

StateStore store_of(const base::Invocation& invocation) {
  return StateStore(absolute_path(invocation, "root"), StateStore::Names::kAreIds);
}

std::vector<base::Option> create_options() {
  return {
      {.name = "bundle", .letter = 'b', .value = "DIRECTORY", .help = "the directory of config.json", .fallback = "."},
      {.name = "config", .letter = 'f', .value = "FILE", .help = "another file than the bundle's config.json"},
      {.name = "pid-file", .value = "FILE", .help = "write the process id there"},
      {.name = "console-socket", .value = "SOCKET", .help = "send the other end of the container's terminal there"},
      {.name = "pidfd-socket", .value = "SOCKET", .help = "send a pidfd of the container's process there"},
      {.name = "preserve-fds",
       .value = "NUMBER",
       .help = "descriptors from 3 on that the application gets, after those of $LISTEN_FDS",
       .fallback = "0"},
      {.name = "no-new-keyring", .help = "keep the caller's session keyring"},
      {.name = "no-pivot", .help = "refused: the root is always entered by pivot_root"}};
}

std::vector<base::Option> run_options_of_oci() {
  std::vector<base::Option> options = create_options();
  options.push_back({.name = "detach", .letter = 'd', .help = "return once it runs"});
  options.push_back({.name = "keep", .help = "do not delete it when it ends"});
  options.push_back({.name = "no-subreaper", .help = "accepted: orphans are never ours to reap"});
  return options;
}

int create_command(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  ContainerState state;
  create_container(store, invocation.arguments.front(), options_of(invocation), state);
  return 0;
}

int start_command(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  ContainerState state = load(store, invocation.arguments.front());
  if (std::optional<NotifyProxy> proxy = start_container(store, state)) wait_until_ready(*proxy, state);
  return 0;
}

int run_command_of_oci(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  ContainerState state;
  CreateOptions options = options_of(invocation);
  bool detach = invocation.flag("detach");
  options.foreground = !detach && options.console_socket.empty();
  options.start = true;
  hold_signals();
  Launched launched = create_container(store, invocation.arguments.front(), options, state);
  std::optional<NotifyProxy> proxy;
  try {
    if (state.status == Status::kCreated) proxy = start_container(store, state);
  } catch (...) {
    kill_and_forget(store, state);
    throw;
  }
  if (detach) {
    if (proxy) wait_until_ready(*proxy, state);
    return 0;
  }
  stay_in_foreground(
      {.pid_fd = launched.pid_fd, .terminal = std::move(launched.terminal), .notify = proxy ? &*proxy : nullptr});
  int exit_code = wait_for_exit(launched.pid);
  if (!invocation.flag("keep")) delete_container(store, state);
  return exit_code;
}

}  // namespace runtime
