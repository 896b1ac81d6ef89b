// state.json to and from the struct. Unknown members are ignored: a newer version may have written them.

#include "base/error.h"
#include "base/text.h"
#include "runtime/ports_json.h"
#include "runtime/seccomp_listener.h"
#include "runtime/state.h"

namespace runtime {
namespace {

base::Json texts(const std::vector<std::string>& list) {
  base::Json json = base::Json::array();
  for (const std::string& text : list) json.push_back(text);
  return json;
}

std::vector<std::string> texts_of(const base::Json& object, const char* member) {
  std::vector<std::string> list;
  auto found = object.find(member);
  if (found == object.end() || !found->is_array()) return list;
  for (const base::Json& text : *found) {
    if (text.is_string()) list.push_back(text.get<std::string>());
  }
  return list;
}

base::Json process_to_json(const Process& process) {
  base::Json groups = base::Json::array();
  for (std::uint32_t group : process.additional_groups) groups.push_back(group);
  base::Json limits = base::Json::array();
  for (const ResourceLimit& limit : process.limits) {
    limits.push_back({limit.resource, limit.limit.rlim_cur, limit.limit.rlim_max});
  }
  const CapabilitySets& sets = process.capabilities;
  base::Json memory;
  if (process.memory_policy) memory = {{"mode", process.memory_policy->mode}, {"nodes", process.memory_policy->nodes}};
  return {{"env", texts(process.environment)},
          {"cwd", process.working_directory},
          {"user", process.user},
          {"additionalGroups", groups},
          {"capabilities",
           {{"bounding", texts(capability_names(sets.bounding))},
            {"effective", texts(capability_names(sets.effective))},
            {"permitted", texts(capability_names(sets.permitted))},
            {"inheritable", texts(capability_names(sets.inheritable))},
            {"ambient", texts(capability_names(sets.ambient))}}},
          {"limits", limits},
          {"umask", process.file_mode_mask ? base::Json(*process.file_mode_mask) : base::Json()},
          {"oomScoreAdj", process.oom_score_adjustment ? base::Json(*process.oom_score_adjustment) : base::Json()},
          {"newKeyring", process.new_keyring},
          {"noNewPrivileges", process.no_new_privileges},
          {"personality", process.personality ? base::Json(*process.personality) : base::Json()},
          {"memoryPolicy", memory},
          {"apparmorProfile", process.apparmor_profile},
          {"selinuxLabel", process.selinux_label},
          {"seccomp", seccomp_use_to_json(process.seccomp)}};
}

Capabilities capabilities_of(const base::Json& json, const char* member) {
  Capabilities set = 0;
  for (const std::string& name : texts_of(json, member)) set |= capability_by_name(name).value_or(0);
  return set;
}

// A number beyond 64 bits is a double, which cannot be made whole.
template <typename T>
T whole_number(const base::Json& json) {
  if (!json.is_number_integer()) throw base::Error("read", "process", "expected a whole number of at most 64 bits");
  return json.get<T>();
}

Process process_from_json(const base::Json& json) {
  Process process;
  process.environment = texts_of(json, "env");
  process.working_directory = base::json_string(json, "cwd", "/");
  process.user = base::json_string(json, "user");
  process.no_new_privileges = base::json_bool(json, "noNewPrivileges", true);
  process.new_keyring = base::json_bool(json, "newKeyring", true);
  if (auto mask = json.find("umask"); mask != json.end() && !mask->is_null()) {
    process.file_mode_mask = mask->get<unsigned>();
  }
  if (auto score = json.find("oomScoreAdj"); score != json.end() && !score->is_null()) {
    process.oom_score_adjustment = score->get<int>();
  }
  for (const base::Json& group : json.value("additionalGroups", base::Json::array())) {
    process.additional_groups.push_back(whole_number<std::uint32_t>(group));
  }
  for (const base::Json& limit : json.value("limits", base::Json::array())) {
    process.limits.push_back({.resource = whole_number<int>(limit.at(0)),
                              .limit = {whole_number<rlim_t>(limit.at(1)), whole_number<rlim_t>(limit.at(2))}});
  }
  process.apparmor_profile = base::json_string(json, "apparmorProfile");
  process.selinux_label = base::json_string(json, "selinuxLabel");
  if (auto domain = json.find("personality"); domain != json.end() && !domain->is_null()) {
    process.personality = whole_number<std::uint64_t>(*domain);
  }
  if (auto memory = json.find("memoryPolicy"); memory != json.end() && memory->is_object()) {
    process.memory_policy = {.mode = static_cast<int>(base::json_integer(*memory, "mode")),
                             .nodes = base::json_string(*memory, "nodes")};
  }
  read_seccomp_use(json, process.seccomp);
  const base::Json& sets = json.at("capabilities");
  process.capabilities = {.bounding = capabilities_of(sets, "bounding"),
                          .effective = capabilities_of(sets, "effective"),
                          .permitted = capabilities_of(sets, "permitted"),
                          .inheritable = capabilities_of(sets, "inheritable"),
                          .ambient = capabilities_of(sets, "ambient")};
  return process;
}

Status status_from(const std::string& name, const std::string& where) {
  for (Status status : {Status::kCreating, Status::kCreated, Status::kStarting, Status::kRunning, Status::kRestarting,
                        Status::kExited}) {
    if (status_name(status) == name) return status;
  }
  throw base::Error("read", where, "unknown status '" + name + "'");
}

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kStarting:
      return "starting";
    case Status::kRunning:
      return "running";
    case Status::kRestarting:
      return "restarting";
    case Status::kExited:
      return "exited";
  }
  return "";
}

base::Json to_json(const ContainerState& state) {
  base::Json resctrl = base::Json::array();
  for (const ResctrlGroup& group : state.resctrl) {
    resctrl.push_back({{"directory", group.directory}, {"made", group.made}});
  }
  return {{"id", state.id},
          {"name", state.name},
          {"status", status_name(state.status)},
          {"image", state.image},
          {"imageDigest", state.image_digest},
          {"bundle", state.bundle},
          {"root", state.root},
          {"command", texts(state.command)},
          {"pid", state.pid},
          {"startTime", state.start_time},
          {"created", state.created},
          {"started", state.started},
          {"finished", state.finished},
          {"exitCode", state.exit_code},
          {"outOfMemory", state.out_of_memory},
          {"error", state.error},
          {"cgroup", state.cgroup},
          {"firstId", state.first_id},
          {"pod", state.pod},
          {"podName", state.pod_name},
          {"podReady", state.pod_ready},
          {"network", state.network},
          {"address", state.address},
          {"ports", to_json(state.ports)},
          {"stopSignal", state.stop_signal},
          {"stopTimeout", state.stop_timeout},
          {"removeAtExit", state.remove_at_exit},
          {"machine", state.machine},
          {"tty", state.tty},
          {"openStdin", state.open_stdin},
          {"keeper", state.keeper == Keeper::kSystemd ? "systemd" : "process"},
          {"logDriver", state.log_driver},
          {"restartPolicy", state.restart_policy},
          {"restarts", state.restarts},
          {"stopRequested", state.stop_requested},
          {"restartWanted", state.restart_wanted},
          {"labels", base::Json(state.labels)},
          {"namespaces",
           {{"user", state.namespaces.user},
            {"pid", state.namespaces.pid},
            {"network", state.namespaces.network},
            {"ipc", state.namespaces.ipc},
            {"uts", state.namespaces.uts},
            {"cgroup", state.namespaces.cgroup},
            {"time", state.namespaces.time}}},
          {"process", process_to_json(state.process)},
          {"resctrl", resctrl},
          {"annotations", state.annotations}};
}

ContainerState state_from_json(const base::Json& json, const std::string& where) {
  try {
    ContainerState state;
    state.id = base::json_string(json, "id");
    state.name = base::json_string(json, "name");
    state.status = status_from(base::json_string(json, "status"), where);
    state.image = base::json_string(json, "image");
    state.image_digest = base::json_string(json, "imageDigest");
    state.bundle = base::json_string(json, "bundle");
    state.root = base::json_string(json, "root");
    state.command = texts_of(json, "command");
    state.pid = static_cast<int>(base::json_integer(json, "pid"));
    state.start_time = static_cast<std::uint64_t>(base::json_integer(json, "startTime"));
    state.created = base::json_string(json, "created");
    state.started = base::json_string(json, "started");
    state.finished = base::json_string(json, "finished");
    state.exit_code = static_cast<int>(base::json_integer(json, "exitCode"));
    state.out_of_memory = base::json_bool(json, "outOfMemory");
    state.error = base::json_string(json, "error");
    state.cgroup = base::json_string(json, "cgroup");
    state.first_id = static_cast<std::uint32_t>(base::json_integer(json, "firstId"));
    state.pod = base::json_string(json, "pod");
    state.pod_name = base::json_string(json, "podName");
    state.pod_ready = base::json_bool(json, "podReady");
    state.network = base::json_string(json, "network");
    state.address = base::json_string(json, "address");
    state.stop_signal = base::json_string(json, "stopSignal", "SIGTERM");
    state.stop_timeout = static_cast<std::uint64_t>(base::json_integer(json, "stopTimeout", 10));
    state.remove_at_exit = base::json_bool(json, "removeAtExit");
    state.machine = base::json_bool(json, "machine");
    state.tty = base::json_bool(json, "tty");
    state.open_stdin = base::json_bool(json, "openStdin");
    state.keeper = base::json_string(json, "keeper") == "systemd" ? Keeper::kSystemd : Keeper::kProcess;
    state.log_driver = base::json_string(json, "logDriver", "local");
    state.restart_policy = base::json_string(json, "restartPolicy", "no");
    state.restarts = static_cast<unsigned>(base::json_integer(json, "restarts"));
    state.stop_requested = base::json_bool(json, "stopRequested");
    state.restart_wanted = base::json_bool(json, "restartWanted");
    state.labels = json.value("labels", std::map<std::string, std::string>());
    state.annotations = json.value("annotations", base::Json::object());
    state.ports = ports_from_json(json.value("ports", base::Json::array()));
    for (const base::Json& group : json.value("resctrl", base::Json::array())) {
      state.resctrl.push_back(
          {.directory = base::json_string(group, "directory"), .made = base::json_bool(group, "made")});
    }
    const base::Json& namespaces = json.at("namespaces");
    state.namespaces.user = base::json_bool(namespaces, "user");
    state.namespaces.pid = base::json_bool(namespaces, "pid");
    state.namespaces.network = base::json_bool(namespaces, "network");
    state.namespaces.ipc = base::json_bool(namespaces, "ipc");
    state.namespaces.uts = base::json_bool(namespaces, "uts");
    state.namespaces.cgroup = base::json_bool(namespaces, "cgroup");
    state.namespaces.time = base::json_bool(namespaces, "time");
    state.process = process_from_json(json.at("process"));
    return state;
  } catch (const base::Json::exception& error) {
    throw base::Error("read", where, error.what());
  }
}

}  // namespace runtime
