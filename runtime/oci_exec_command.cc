#include "runtime/oci_exec_command.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/exec.h"
#include "runtime/launch.h"
#include "runtime/oci_config.h"
#include "runtime/oci_lifecycle.h"
#include "runtime/oci_run_command.h"
#include "runtime/security_label.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

constexpr std::uint64_t kMostFiles = 1024;
constexpr std::uint64_t kHighestGroup = 2147483647;

// "3" or "3,4".
void add_groups(const std::string& text, Process& process) {
  for (const std::string& part : base::split(text, ',')) {
    std::optional<std::uint64_t> group = base::parse_unsigned(part);
    if (!group || *group > kHighestGroup) {
      throw base::UsageError("--additional-gids '" + text + "': expected numbers from 0 to 2147483647");
    }
    process.additional_groups.push_back(static_cast<std::uint32_t>(*group));
  }
}

// As runc and crun do: in the bounding, effective, permitted and inheritable sets at once would let it pass to every
// program that it runs (CVE-2022-29162), so the last one stays as it is.
void add_capabilities(const std::vector<std::string>& names, Process& process) {
  for (const std::string& name : names) {
    std::optional<Capabilities> capability = capability_by_name(name);
    if (!capability) throw base::UsageError("--cap '" + name + "': no such capability");
    process.capabilities.bounding |= *capability;
    process.capabilities.permitted |= *capability;
    process.capabilities.effective |= *capability;
  }
}

Process process_from_options(const base::Invocation& invocation, Process process) {
  process.terminal = invocation.flag("tty");
  process.terminal_rows = process.terminal_columns = 0;
  process.arguments.assign(invocation.arguments.begin() + 1, invocation.arguments.end());
  if (process.arguments.empty()) throw base::UsageError("exec needs a command, or --process FILE");
  for (const std::string& entry : invocation.get_all("env")) {
    if (!entry.contains('=')) throw base::UsageError("--env '" + entry + "': expected NAME=VALUE");
    process.environment.push_back(entry);
  }
  if (invocation.given("user")) process.user = invocation.get("user");
  if (invocation.given("cwd")) process.working_directory = invocation.get("cwd");
  for (const std::string& groups : invocation.get_all("additional-gids")) add_groups(groups, process);
  add_capabilities(invocation.get_all("cap"), process);
  if (invocation.flag("no-new-privs")) process.no_new_privileges = true;
  return process;
}

Process process_of(const base::Invocation& invocation, const ContainerState& state) {
  const std::string& file = invocation.get("process");
  if (file.empty()) return process_from_options(invocation, state.process);
  Process process = parse_oci_process(base::parse_json(base::read_file(file), file));
  // What "linux" says of every process of the container, and its labels where the file has none.
  process.personality = state.process.personality;
  process.memory_policy = state.process.memory_policy;
  if (process.apparmor_profile.empty()) process.apparmor_profile = state.process.apparmor_profile;
  if (process.selinux_label.empty()) process.selinux_label = state.process.selinux_label;
  if (invocation.flag("tty")) process.terminal = true;
  return process;
}

void take_labels(const base::Invocation& invocation, Process& process) {
  if (invocation.given("apparmor")) process.apparmor_profile = invocation.get("apparmor");
  if (invocation.given("process-label")) process.selinux_label = invocation.get("process-label");
  ContainerSpec labels;
  labels.process = process;
  check_label_support(labels);
}

// "PATH", or runc's "CONTROLLER:PATH", which means nothing with one hierarchy.
std::string cgroup_below(const std::string& text) {
  std::string path = text.substr(text.rfind(':') + 1);
  while (path.starts_with('/')) path.erase(0, 1);
  return path;
}

}  // namespace

std::vector<base::Option> exec_options() {
  return {{.name = "process", .letter = 'p', .value = "FILE", .help = "take the process from JSON"},
          {.name = "tty", .letter = 't', .help = "give it a terminal"},
          {.name = "detach", .letter = 'd', .help = "return once it runs"},
          {.name = "pid-file", .value = "FILE", .help = "write its process id there"},
          {.name = "console-socket", .value = "SOCKET", .help = "send the other end of its terminal there"},
          {.name = "pidfd-socket", .value = "SOCKET", .help = "send a pidfd of it there"},
          {.name = "env", .letter = 'e', .value = "NAME=VALUE", .help = "set a variable", .repeatable = true},
          {.name = "user", .letter = 'u', .value = "UID[:GID]", .help = "who it runs as"},
          {.name = "additional-gids", .letter = 'g', .value = "GID", .help = "further groups", .repeatable = true},
          {.name = "cwd", .value = "PATH", .help = "where it starts"},
          {.name = "cap", .letter = 'c', .value = "CAPABILITY", .help = "one capability more", .repeatable = true},
          {.name = "no-new-privs", .help = "no program may gain privileges"},
          {.name = "preserve-fds", .value = "NUMBER", .help = "descriptors from 3 on that it gets", .fallback = "0"},
          {.name = "cgroup", .value = "PATH", .help = "a cgroup below the container's"},
          {.name = "ignore-paused", .help = "also in a paused container, where it waits"},
          {.name = "apparmor", .value = "PROFILE", .help = "the AppArmor profile that it gets"},
          {.name = "process-label", .value = "LABEL", .help = "the SELinux label that it gets"}};
}

int exec_command(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  ContainerState state = load(store, invocation.arguments.front());
  protect_binary_from(state.pid);
  Process process = process_of(invocation, state);
  process.preserved_files = static_cast<unsigned>(invocation.number("preserve-fds", 0, kMostFiles));
  take_labels(invocation, process);
  check_preserved_files(process);
  if (invocation.get("console-socket").empty()) take_size_of_ours(process);
  process.seccomp = state.process.seccomp;
  process.seccomp.program = seccomp_from_bytes(base::read_file(store.path_of(state.id, "seccomp")));
  ExecOptions options{.detach = invocation.flag("detach"),
                      .console_socket = absolute_path(invocation, "console-socket"),
                      .pidfd_socket = absolute_path(invocation, "pidfd-socket"),
                      .pid_file = absolute_path(invocation, "pid-file"),
                      .cgroup = cgroup_below(invocation.get("cgroup")),
                      .also_paused = invocation.flag("ignore-paused")};
  if (process.terminal && options.detach && options.console_socket.empty()) {
    throw base::Error("exec", state.id, "a terminal needs --console-socket when nobody stays");
  }
  if (!process.terminal && !options.console_socket.empty()) {
    throw base::Error("exec", state.id, "--console-socket needs a terminal (--tty)");
  }
  return exec_in_container(state, process, options);
}

}  // namespace runtime
