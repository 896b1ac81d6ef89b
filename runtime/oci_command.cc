#include "runtime/oci_command.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "base/version.h"
#include "runtime/id_pattern.h"
#include "runtime/launch.h"
#include "runtime/mount_options.h"
#include "runtime/oci_cgroup_commands.h"
#include "runtime/oci_config.h"
#include "runtime/oci_exec_command.h"
#include "runtime/oci_lifecycle.h"
#include "runtime/oci_placement.h"
#include "runtime/oci_run_command.h"
#include "runtime/state.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// --- the commands

base::Json state_json(const ContainerState& state) {
  base::Json json = {{"ociVersion", kOciVersion}, {"id", state.id}, {"status", oci_status(state)}};
  json["pid"] = status_of(state) == Status::kExited ? 0 : state.pid;
  json["bundle"] = state.bundle;
  json["rootfs"] = state.root;
  json["created"] = state.created;
  json["owner"] = "root";  // nobody else may make one
  if (!state.annotations.empty()) json["annotations"] = state.annotations;
  return json;
}

int state_command(const base::Invocation& invocation) {
  print(base::to_text(state_json(load(store_of(invocation), invocation.arguments.front())), 2) + "\n");
  return 0;
}

void signal_all(const ContainerState& state, int signal) {
  if (state.cgroup.empty()) throw base::Error("kill", state.id, "--all needs a cgroup");
  Cgroup cgroup(state.cgroup);
  if (signal == SIGKILL) return cgroup.kill_all();  // none can be born meanwhile
  for (int pid : cgroup.processes()) signal_process(pid, process_start_time(pid), signal);
}

int kill_command(const base::Invocation& invocation) {
  ContainerState state = load(store_of(invocation), invocation.arguments.front());
  int signal = signal_by_name(invocation.arguments.size() > 1 ? invocation.arguments[1] : "TERM");
  if (invocation.flag("all")) {
    signal_all(state, signal);
    return 0;
  }
  if (status_of(state) == Status::kExited || !signal_process(state.pid, state.start_time, signal)) {
    throw base::Error("kill", state.id, "container not running");  // the words that podman and containerd look for
  }
  return 0;
}

void delete_one(StateStore& store, const ContainerState& state, bool force) {
  if (status_of(state) != Status::kExited && status_of(state) != Status::kCreating) {
    if (!force && status_of(state) != Status::kCreated) {
      throw base::Error("delete", state.id, "it is " + std::string(oci_status(state)) + " (kill it first, or --force)");
    }
    signal_process(state.pid, state.start_time, SIGKILL);
  }
  delete_container(store, state);
}

// Each is tried, whatever became of those before. That there is none is no error, as with crun.
void delete_matching(StateStore& store, const std::string& pattern, bool force) {
  IdPattern matching(pattern);
  std::vector<std::string> failures;
  for (const ContainerState& state : store.list()) {
    if (!matching.finds(state.id)) continue;
    try {
      delete_one(store, state, force);
    } catch (const base::Error& error) {
      failures.emplace_back(error.what());
    }
  }
  if (!failures.empty()) throw base::Error(base::join(failures, "; "), "", "");
}

int delete_command(const base::Invocation& invocation) {
  StateStore store = store_of(invocation);
  const std::string& id = invocation.arguments.front();
  bool force = invocation.flag("force");
  if (invocation.flag("regex")) {
    delete_matching(store, id, force);
    return 0;
  }
  std::optional<ContainerState> state = store.load(id);
  if (!state) {
    // A crash before state.json leaves the directory alone.
    if (is_valid_id(id)) store.remove(id);
    if (force) return 0;
    throw base::Error("container " + id, "", "does not exist");
  }
  delete_one(store, *state, force);
  return 0;
}

int list(const base::Invocation& invocation) {
  std::vector<ContainerState> states = store_of(invocation).list();
  if (invocation.flag("quiet")) {
    for (const ContainerState& state : states) print(state.id + "\n");
    return 0;
  }
  if (invocation.get("format") == "json") {
    base::Json json = base::Json::array();
    for (const ContainerState& state : states) json.push_back(state_json(state));
    print(base::to_text(json) + "\n");
    return 0;
  }
  base::Table table;
  table.add_row({"ID", "PID", "STATUS", "BUNDLE", "CREATED"});
  for (const ContainerState& state : states) {
    int pid = status_of(state) == Status::kExited ? 0 : state.pid;
    table.add_row({state.id, std::to_string(pid), std::string(oci_status(state)), state.bundle, state.created});
  }
  print(table.text());
  return 0;
}

int spec(const base::Invocation& invocation) {
  std::string path = invocation.get("bundle") + "/config.json";
  if (base::exists(path)) throw base::Error("write", path, "it is there already");
  base::write_file_atomic(path, base::to_text(default_oci_config(), 2) + "\n");
  return 0;
}

int features(const base::Invocation&) {
  base::Json json = {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", kOciVersion},
      {"hooks", {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions", known_mount_options()},
      {"linux",
       {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}},
        {"capabilities", capability_names(~Capabilities{0})},
        {"cgroup", {{"v1", false}, {"v2", true}, {"systemd", true}, {"systemdUser", false}, {"rdma", true}}},
        {"seccomp",
         {{"enabled", true},
          {"actions", seccomp_action_names()},
          {"operators",
           {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE"}},
          {"knownFlags", seccomp_flag_names()},
          {"supportedFlags", seccomp_flag_names_of_kernel()}}},
        {"apparmor", {{"enabled", true}}},
        {"selinux", {{"enabled", true}}},
        {"intelRdt", {{"enabled", true}, {"schemata", true}, {"monitoring", true}}},
        {"memoryPolicy", {{"modes", memory_policy_modes()}, {"flags", memory_policy_flags()}}},
        {"netDevices", {{"enabled", true}}},
        {"mountExtensions", {{"idmap", {{"enabled", true}}}}}}},
      // A prefix: its annotations become properties of the container's scope (scope_properties.h).
      {"potentiallyUnsafeConfigAnnotations", {"org.systemd.property."}}};
  print(base::to_text(json, 2) + "\n");
  return 0;
}

void refuse_rootless(const base::Invocation& invocation) {
  if (geteuid() != 0) throw base::Error("run", "", "needs root");
  if (invocation.get("rootless") == "true") throw base::Error("--rootless", "true", "not supported");
}

// Callers read errors from the file that --log names, in the form that --log-format asks for.
template <int (*Command)(const base::Invocation&)>
int logged(const base::Invocation& invocation) {
  int exit_code = 1;
  std::string text;
  try {
    refuse_rootless(invocation);
    return Command(invocation);
  } catch (const StartError& error) {
    exit_code = error.exit_code() == 125 ? 1 : error.exit_code();
    text = error.what();
  } catch (const base::Error& error) {
    text = error.what();
  }
  const std::string& log = invocation.get("log");
  if (!log.empty()) {
    base::Json line = {{"level", "error"}, {"msg", text}, {"time", now_text()}};
    bool json = invocation.get("log-format") == "json";
    base::write_all(base::open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0644),
                    json ? base::to_text(line) + "\n" : now_text() + " error: " + text + "\n");
  }
  std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), text.c_str());
  return exit_code;
}

std::string version_text(std::string_view program) {
  return std::string(program) + " version " + std::string(base::version()) + "\nspec: " + std::string(kOciVersion);
}

const base::Option kBundle = {
    .name = "bundle", .letter = 'b', .value = "DIRECTORY", .help = "where it goes", .fallback = "."};

std::vector<base::Option> global_options() {
  return {{.name = "root",
           .value = "DIRECTORY",
           .help = "where containers are written down",
           .fallback = "/run/clusteros/oci"},
          {.name = "log", .value = "FILE", .help = "write errors there, too"},
          {.name = "log-format",
           .value = "FORMAT",
           .help = "form of these",
           .fallback = "text",
           .choices = {"text", "json"}},
          {.name = "log-level", .value = "LEVEL", .help = "accepted: only errors are logged", .fallback = "error"},
          {.name = "debug", .help = "accepted: only errors are logged"},
          {.name = "systemd-cgroup", .help = "ask systemd for the cgroup: the same as --cgroup-manager=systemd"},
          {.name = "cgroup-manager",
           .value = "MANAGER",
           .help = "who makes cgroups",
           .fallback = "cgroupfs",
           .choices = {"cgroupfs", "systemd"}},
          {.name = "rootless",
           .value = "WHEN",
           .help = "only false, or auto when root calls, can be honoured",
           .fallback = "auto",
           .choices = {"auto", "true", "false"}}};
}

}  // namespace

base::Applet oci_applet() {
  return {
      .name = "oci-runtime",
      .aliases = {"runc"},
      .summary = "run containers from OCI bundles, as runc does",
      .description = "A member of config.json that this runtime does not act on is refused by name.",
      .options = global_options(),
      .commands =
          {
              {.name = "create",
               .arguments = "ID",
               .summary = "make a container and let it wait for start",
               .options = create_options(),
               .min_arguments = 1,
               .max_arguments = 1,
               .run = logged<create_command>},
              {.name = "start",
               .arguments = "ID",
               .summary = "run the program of a created container",
               .min_arguments = 1,
               .max_arguments = 1,
               .run = logged<start_command>},
              {.name = "run",
               .arguments = "ID",
               .summary = "create, start, wait and delete",
               .options = run_options_of_oci(),
               .min_arguments = 1,
               .max_arguments = 1,
               .run = logged<run_command_of_oci>},
              {.name = "state",
               .arguments = "ID",
               .summary = "print a container's state as JSON",
               .min_arguments = 1,
               .max_arguments = 1,
               .run = logged<state_command>},
              {.name = "kill",
               .arguments = "ID [SIGNAL]",
               .summary = "send a signal (TERM) to a container's first process",
               .options = {{.name = "all", .letter = 'a', .help = "to all of its processes"}},
               .min_arguments = 1,
               .max_arguments = 2,
               .run = logged<kill_command>},
              {.name = "delete",
               .arguments = "ID",
               .summary = "forget a container that has ended",
               .options = {{.name = "force", .letter = 'f', .help = "kill it first when it runs"},
                           {.name = "regex",
                            .help = "all whose id the extended regular expression ID fits, anywhere (regex(7))"}},
               .min_arguments = 1,
               .max_arguments = 1,
               .run = logged<delete_command>},
              {.name = "exec",
               .arguments = "ID [COMMAND [ARGUMENT...]]",
               .summary = "run a further command in a container",
               .options = exec_options(),
               .min_arguments = 1,
               .max_arguments = base::kAnyNumber,
               .run = logged<exec_command>,
               .pass_through = true},
              {.name = "list",
               .arguments = "",
               .summary = "list the containers",
               .options = {{.name = "format",
                            .letter = 'f',
                            .value = "FORMAT",
                            .help = "table or json",
                            .fallback = "table",
                            .choices = {"table", "json"}},
                           {.name = "quiet", .letter = 'q', .help = "ids only"}},
               .run = logged<list>},
              {.name = "spec",
               .arguments = "",
               .summary = "write a config.json to start from",
               .options = {kBundle},
               .run = logged<spec>},
              oci_pause_command(logged<oci_pause>),
              oci_resume_command(logged<oci_resume>),
              oci_update_command(logged<oci_update>),
              oci_events_command(logged<oci_events>),
              oci_ps_command(logged<oci_ps>),
              {.name = "features", .arguments = "", .summary = "print what is supported, as JSON", .run = features},
          },
      .version_text = version_text,
  };
}

}  // namespace runtime
