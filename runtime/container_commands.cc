#include "runtime/container_commands.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/exec.h"
#include "runtime/launch.h"
#include "runtime/lifecycle.h"
#include "runtime/log_file.h"
#include "runtime/run_command.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr int kSettleMilliseconds = 15000;  // until a killed container's end is written down

StateStore settled_store(const base::Invocation& invocation) {
  Machine machine = machine_of(invocation);
  settle(machine);
  return StateStore(machine.state);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string age(const std::string& since) {
  auto time = base::parse_rfc3339(since);
  if (!time) return "";
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *time);
  return base::format_duration(std::max(seconds, std::chrono::seconds(0)));
}

std::string status_text(const ContainerState& state) {
  switch (state.status) {
    case Status::kRunning:
      return "running " + age(state.started);
    case Status::kExited:
      return "exited (" + std::to_string(state.exit_code) + (state.out_of_memory ? ", out of memory" : "") + ") " +
             age(state.finished) + " ago";
    default:
      return std::string(status_name(state.status));
  }
}

std::string ports_text(const ContainerState& state) {
  std::vector<std::string> ports;
  for (const PublishedPort& port : state.ports) {
    ports.push_back(std::to_string(port.host_port) + "->" + std::to_string(port.container_port) +
                    (port.protocol == Protocol::kTcp ? "/tcp" : "/udp"));
  }
  return base::join(ports, ", ");
}

// Of a machine that runs: what its init says. Asking means joining, so first our file is made unreachable.
std::string system_of(const StateStore& store, const ContainerState& state) {
  return ask_machine(state, seccomp_from_bytes(base::read_file(store.path_of(state.id, "seccomp"))));
}
bool is_running_machine(const ContainerState& state) {
  return state.machine && state.status == Status::kRunning;
}

int ps(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  std::vector<ContainerState> states = store.list();
  if (std::ranges::any_of(states, is_running_machine)) protect_binary();
  if (!invocation.flag("all")) {
    std::erase_if(states, [](const ContainerState& state) { return state.status == Status::kExited; });
  }
  if (invocation.flag("json")) {
    base::Json list = base::Json::array();
    for (const ContainerState& state : states) list.push_back(to_json(state));
    print(base::to_text(list, 2) + "\n");
    return 0;
  }
  if (invocation.flag("quiet")) {
    for (const ContainerState& state : states) print(state.id + "\n");
    return 0;
  }
  base::Table table;
  table.add_row({"ID", "NAME", "IMAGE", "STATUS", "ADDRESS", "PORTS", "COMMAND"});
  for (const ContainerState& state : states) {
    std::string system = is_running_machine(state) ? ", system " + system_of(store, state) : "";
    table.add_row({state.id, state.name, state.image, status_text(state) + system,
                   state.address.empty() ? "-" : state.address, ports_text(state).empty() ? "-" : ports_text(state),
                   base::join(state.command, " ").substr(0, 40)});
  }
  print(table.text());
  return 0;
}

int logs(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  ContainerState state = store.find(invocation.arguments.front());
  bool times = invocation.flag("timestamps");
  auto ended = [&] { return !store.is_attended(state.id); };
  read_log(store.path_of(state.id), invocation.flag("follow"), ended, [&](const LogLine& line) {
    std::FILE* out = line.stream == "stderr" ? stderr : stdout;
    std::string text = times ? std::string(line.time) + " " : "";
    text.append(line.text);
    if (line.whole) text += '\n';
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
  });
  return 0;
}

void require_running(const ContainerState& state) {
  if (state.status != Status::kRunning) throw base::Error("container", state.name, "it is not running");
}

void kill_container(const StateStore& store, const ContainerState& state) {
  signal_process(state.pid, state.start_time, SIGKILL);
  if (!wait_until_settled(store, state.id, kSettleMilliseconds)) {
    throw base::Error("stop", state.name, "it was killed, but its processes have not ended");
  }
}

int stop(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  std::uint64_t seconds = invocation.number("time", 0, 86400);
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    if (state.status != Status::kExited) {
      signal_process(state.pid, state.start_time, signal_by_name(state.stop_signal));
      if (!wait_until_settled(store, state.id, static_cast<int>(seconds) * 1000)) kill_container(store, state);
    }
    print(name + "\n");
  }
  return 0;
}

int kill_command(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  int signal = signal_by_name(invocation.get("signal"));
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    require_running(state);
    signal_process(state.pid, state.start_time, signal);
    print(name + "\n");
  }
  return 0;
}

int rm(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  Machine machine = machine_of(invocation);
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    if (state.status != Status::kExited) {
      if (!invocation.flag("force")) {
        throw base::Error("remove", name, "it is " + std::string(status_name(state.status)) + " (stop it, or --force)");
      }
      kill_container(store, state);
    }
    remove_container(machine, state);
    print(name + "\n");
  }
  return 0;
}

int inspect(const base::Invocation& invocation) {
  StateStore store = settled_store(invocation);
  base::Json list = base::Json::array();
  for (const std::string& name : invocation.arguments) {
    ContainerState state = store.find(name);
    base::Json json = to_json(state);
    Cgroup cgroup(state.cgroup);
    base::Json usage = base::Json::object();
    for (const char* knob : {"memory.current", "memory.max", "pids.current", "pids.max", "cpu.max"}) {
      if (state.cgroup.empty()) break;
      if (auto text = cgroup.read(knob)) usage[knob] = std::string(base::trim(*text));
    }
    json["cgroupFiles"] = usage;
    if (is_running_machine(state)) {
      protect_binary();
      json["system"] = system_of(store, state);
    }
    list.push_back(json);
  }
  print(base::to_text(list, 2) + "\n");
  return 0;
}

int exec(const base::Invocation& invocation) {
  try {
    protect_binary();
    StateStore store = settled_store(invocation);
    ContainerState state = store.find(invocation.arguments.front());
    require_running(state);
    Process process = state.process;
    process.arguments.assign(invocation.arguments.begin() + 1, invocation.arguments.end());
    std::vector<std::string> added;
    for (const std::string& text : invocation.get_all("env")) {
      if (auto entry = parse_environment(text)) added.push_back(*entry);
    }
    process.environment = merge_environment(process.environment, added);
    if (invocation.given("user")) process.user = invocation.get("user");
    if (invocation.given("workdir")) process.working_directory = invocation.get("workdir");
    process.seccomp = seccomp_from_bytes(base::read_file(store.path_of(state.id, "seccomp")));
    base::Fd null;
    if (!invocation.flag("interactive")) {
      null = base::open_file("/dev/null", O_RDONLY);
      base::check(dup2(null.get(), STDIN_FILENO), "set standard input");
    }
    return exec_in_container(state, process);
  } catch (const StartError& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return error.exit_code();
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return 125;
  }
}

}  // namespace

std::vector<base::Option> container_options() {
  return {
      {.name = "root",
       .value = "DIRECTORY",
       .help = "where images and writable layers are kept",
       .fallback = "/var/lib/clusteros/runtime",
       .environment = "CLUSTEROS_RUNTIME_ROOT"},
      {.name = "state",
       .value = "DIRECTORY",
       .help = "where running containers are written down",
       .fallback = kDefaultState,
       .environment = "CLUSTEROS_RUNTIME_STATE"},
      {.name = "network",
       .value = "ADDRESS/PREFIX",
       .help = "the IPv4 network of the containers' bridge",
       .fallback = kDefaultSubnet,
       .environment = "CLUSTEROS_RUNTIME_NETWORK"},
  };
}

std::vector<base::Command> container_commands() {
  return {
      run_command(),
      {.name = "ps",
       .arguments = "",
       .summary = "list the containers that run",
       .options = {{.name = "all", .letter = 'a', .help = "those that have ended, too"},
                   {.name = "quiet", .letter = 'q', .help = "ids only"},
                   {.name = "json", .help = "as JSON"}},
       .run = ps},
      {.name = "logs",
       .arguments = "CONTAINER",
       .summary = "print what a container has written",
       .options = {{.name = "follow", .letter = 'f', .help = "go on until it ends"},
                   {.name = "timestamps", .letter = 't', .help = "with the time of each line"}},
       .min_arguments = 1,
       .max_arguments = 1,
       .run = logs},
      {.name = "stop",
       .arguments = "CONTAINER...",
       .summary = "ask a container to end, then end it",
       .options = {{.name = "time",
                    .letter = 't',
                    .value = "SECONDS",
                    .help = "how long it may take after the image's stop signal (TERM)",
                    .fallback = "10"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = stop},
      {.name = "kill",
       .arguments = "CONTAINER...",
       .summary = "send a container a signal",
       .options = {{.name = "signal", .letter = 's', .value = "SIGNAL", .help = "which one", .fallback = "KILL"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = kill_command},
      {.name = "exec",
       .arguments = "CONTAINER COMMAND [ARGUMENT...]",
       .summary = "run a further command in a running container",
       .options = {{.name = "interactive", .letter = 'i', .help = "keep standard input; it is empty otherwise"},
                   {.name = "env",
                    .letter = 'e',
                    .value = "NAME[=VALUE]",
                    .help = "set a variable, or pass on the one that is set here",
                    .repeatable = true},
                   {.name = "user", .letter = 'u', .value = "USER[:GROUP]", .help = "who it runs as"},
                   {.name = "workdir", .letter = 'w', .value = "PATH", .help = "where it starts"}},
       .min_arguments = 2,
       .max_arguments = base::kAnyNumber,
       .run = exec,
       .pass_through = true},
      {.name = "rm",
       .arguments = "CONTAINER...",
       .summary = "remove a container with all that it wrote",
       .options = {{.name = "force", .letter = 'f', .help = "kill it first when it runs"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = rm},
      {.name = "inspect",
       .arguments = "CONTAINER...",
       .summary = "print all that is known about a container, as JSON",
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = inspect},
  };
}

}  // namespace runtime
