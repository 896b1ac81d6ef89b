// spec.json to and from the struct. Unknown members are ignored: a newer version may have written them. A member that
// is missing has the value of a request that does not mention it.

#include "runtime/run_request.h"

#include <sys/mount.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/ports_json.h"
#include "runtime/resources_json.h"

namespace runtime {
namespace {

using base::Json;

Json strings(const std::vector<std::string>& list) {
  return Json(list);
}

std::vector<std::string> strings_of(const Json& json, const char* member) {
  return json.value(member, std::vector<std::string>());
}

template <typename T>
void put(Json& json, const char* member, const std::optional<T>& value) {
  if (value) json[member] = *value;
}

template <typename T>
std::optional<T> get(const Json& json, const char* member) {
  auto found = json.find(member);
  if (found == json.end()) return std::nullopt;
  return found->template get<T>();
}

const char* type_of(const Volume& volume) {
  if (volume.own) return "empty";
  return volume.name.empty() ? "bind" : "volume";
}

Json shown_volume(const Volume& volume) {
  return {{"type", type_of(volume)},
          {"source", volume.name.empty() ? volume.source : volume.name},
          {"destination", volume.destination},
          {"readOnly", volume.read_only},
          {"anonymous", volume.anonymous}};
}

Json mounts_to_json(const RunRequest& request) {
  Json list = Json::array();
  for (const Volume& volume : request.volumes) {
    Json mount = shown_volume(volume);
    mount["fill"] = volume.fill;
    list.push_back(std::move(mount));
  }
  for (const TemporaryMount& mount : request.temporary_mounts) {
    Json parameters = Json::object();
    for (const MountParameter& parameter : mount.parameters) parameters[parameter.first] = parameter.second;
    list.push_back({{"type", "tmpfs"},
                    {"destination", mount.destination},
                    {"parameters", parameters},
                    {"attributes", mount.attributes}});
  }
  return list;
}

void mounts_from_json(const Json& list, RunRequest& request) {
  for (const Json& mount : list) {
    std::string destination = mount.at("destination").get<std::string>();
    if (mount.at("type") != "tmpfs") {
      Volume volume{.destination = destination,
                    .read_only = mount.at("readOnly").get<bool>(),
                    .own = mount.at("type") == "empty",
                    .fill = base::json_bool(mount, "fill"),
                    .anonymous = base::json_bool(mount, "anonymous")};
      (mount.at("type") == "volume" ? volume.name : volume.source) = mount.at("source").get<std::string>();
      request.volumes.push_back(std::move(volume));
      continue;
    }
    TemporaryMount temporary{.destination = destination, .attributes = mount.at("attributes").get<std::uint64_t>()};
    for (const auto& [name, value] : mount.at("parameters").items()) {
      temporary.parameters.push_back({name, value.get<std::string>()});
    }
    request.temporary_mounts.push_back(std::move(temporary));
  }
}

Json hosts_to_json(const std::vector<HostEntry>& hosts) {
  Json list = Json::array();
  for (const HostEntry& host : hosts) list.push_back({{"name", host.name}, {"address", host.address}});
  return list;
}

Json limits_to_json(const std::vector<ResourceLimit>& limits) {
  Json list = Json::array();
  for (const ResourceLimit& limit : limits) {
    list.push_back({limit.resource, limit.limit.rlim_cur, limit.limit.rlim_max});
  }
  return list;
}

Json secrets_to_json(const std::vector<SecretWord>& secrets) {
  Json list = Json::array();
  for (const SecretWord& secret : secrets) {
    list.push_back({{"name", secret.name},
                    {"target", secret.target},
                    {"mode", secret.mode},
                    {"uid", secret.uid},
                    {"gid", secret.gid}});
  }
  return list;
}

std::vector<SecretWord> secrets_from_json(const Json& list) {
  std::vector<SecretWord> secrets;
  for (const Json& secret : list) {
    secrets.push_back({.name = secret.at("name").get<std::string>(),
                       .target = secret.at("target").get<std::string>(),
                       .mode = secret.at("mode").get<std::uint32_t>(),
                       .uid = secret.at("uid").get<std::uint32_t>(),
                       .gid = secret.at("gid").get<std::uint32_t>()});
  }
  return secrets;
}

Json devices_to_json(const std::vector<DeviceWord>& devices) {
  Json list = Json::array();
  for (const DeviceWord& device : devices) {
    list.push_back({{"source", device.source},
                    {"destination", device.destination},
                    {"read", device.read},
                    {"write", device.write},
                    {"make", device.make}});
  }
  return list;
}

std::vector<DeviceWord> devices_from_json(const Json& list) {
  std::vector<DeviceWord> devices;
  for (const Json& device : list) {
    devices.push_back({.source = device.at("source").get<std::string>(),
                       .destination = device.at("destination").get<std::string>(),
                       .read = device.at("read").get<bool>(),
                       .write = device.at("write").get<bool>(),
                       .make = device.at("make").get<bool>()});
  }
  return devices;
}

Json request_to_json(const RunRequest& request) {
  Json json = {{"name", request.name},
               {"removeAtExit", request.remove_at_exit},
               {"keepStandardInput", request.keep_standard_input},
               {"network", request.network},
               {"pod", request.pod},
               {"pidMode", request.pid_mode},
               {"ipcMode", request.ipc_mode},
               {"utsMode", request.uts_mode},
               {"hostUsers", request.host_users},
               {"ports", to_json(request.ports)},
               {"mounts", mounts_to_json(request)},
               {"env", strings(request.environment)},
               {"dns", strings(request.dns_servers)},
               {"dnsSearch", strings(request.dns_search)},
               {"hosts", hosts_to_json(request.hosts)},
               {"groups", Json(request.groups)},
               {"hostname", request.host_name},
               {"readOnly", request.read_only},
               {"boot", request.boot},
               {"terminal", request.terminal},
               {"capAdd", strings(request.added_capabilities)},
               {"capDrop", strings(request.dropped_capabilities)},
               {"limits", limits_to_json(request.limits)},
               {"noNewPrivileges", request.no_new_privileges},
               {"seccomp", request.seccomp},
               {"seccompProfile", request.seccomp_profile},
               {"seccompFile", request.seccomp_file},
               {"apparmorProfile", request.apparmor_profile},
               {"protectSystemPaths", request.protect_system_paths},
               {"devices", devices_to_json(request.devices)},
               {"secrets", secrets_to_json(request.secrets)},
               {"sysctls", Json(request.sysctls)},
               {"init", request.init},
               {"labels", Json(request.labels)},
               {"stopSignal", request.stop_signal},
               {"health", to_json(request.health)},
               {"restart", restart_policy_text(request.restart)},
               {"logDriver", request.log_driver},
               {"resources", to_json(request.resources)},
               {"command", strings(request.command)}};
  put(json, "shmSize", request.shm_size);
  put(json, "user", request.user);
  put(json, "workdir", request.working_directory);
  put(json, "entrypoint", request.entrypoint);
  put(json, "oomScoreAdj", request.oom_score_adjustment);
  put(json, "stopTimeout", request.stop_timeout);
  return json;
}

RunRequest request_from_json(const Json& json) {
  RunRequest request;
  request.name = base::json_string(json, "name");
  request.remove_at_exit = base::json_bool(json, "removeAtExit");
  request.keep_standard_input = base::json_bool(json, "keepStandardInput");
  request.network = base::json_string(json, "network", "bridge");
  request.pod = base::json_string(json, "pod");
  request.pid_mode = base::json_string(json, "pidMode");
  request.ipc_mode = base::json_string(json, "ipcMode");
  request.uts_mode = base::json_string(json, "utsMode");
  request.host_users = base::json_bool(json, "hostUsers");
  request.ports = ports_from_json(json.value("ports", Json::array()));
  mounts_from_json(json.value("mounts", Json::array()), request);
  request.environment = strings_of(json, "env");
  request.dns_servers = strings_of(json, "dns");
  request.dns_search = strings_of(json, "dnsSearch");
  for (const Json& host : json.value("hosts", Json::array())) {
    request.hosts.push_back(
        {.name = host.at("name").get<std::string>(), .address = host.at("address").get<std::string>()});
  }
  request.groups = json.value("groups", std::vector<std::uint32_t>());
  request.host_name = base::json_string(json, "hostname");
  request.read_only = base::json_bool(json, "readOnly");
  request.boot = base::json_bool(json, "boot");
  request.terminal = base::json_bool(json, "terminal");
  request.added_capabilities = strings_of(json, "capAdd");
  request.dropped_capabilities = strings_of(json, "capDrop");
  for (const Json& limit : json.value("limits", Json::array())) {
    request.limits.push_back(
        {.resource = limit.at(0).get<int>(), .limit = {limit.at(1).get<rlim_t>(), limit.at(2).get<rlim_t>()}});
  }
  request.no_new_privileges = base::json_bool(json, "noNewPrivileges", true);
  request.seccomp = base::json_bool(json, "seccomp", true);
  request.seccomp_profile = json.value("seccompProfile", Json());
  request.seccomp_file = base::json_string(json, "seccompFile");
  request.apparmor_profile = base::json_string(json, "apparmorProfile");
  request.protect_system_paths = base::json_bool(json, "protectSystemPaths", true);
  request.devices = devices_from_json(json.value("devices", Json::array()));
  request.secrets = secrets_from_json(json.value("secrets", Json::array()));
  request.sysctls = json.value("sysctls", std::map<std::string, std::string>());
  request.init = base::json_bool(json, "init");
  request.labels = json.value("labels", std::map<std::string, std::string>());
  request.stop_signal = base::json_string(json, "stopSignal");
  request.restart = parse_restart_policy(base::json_string(json, "restart", "no"));
  request.health = health_setting_from_json(json.value("health", Json::object()));
  request.log_driver = base::json_string(json, "logDriver");
  request.resources = resources_from_json(json.value("resources", Json::object()));
  request.command = strings_of(json, "command");
  request.shm_size = get<std::uint64_t>(json, "shmSize");
  request.user = get<std::string>(json, "user");
  request.working_directory = get<std::string>(json, "workdir");
  request.entrypoint = get<std::string>(json, "entrypoint");
  request.oom_score_adjustment = get<int>(json, "oomScoreAdj");
  request.stop_timeout = get<std::uint64_t>(json, "stopTimeout");
  return request;
}

Json image_to_json(const Image& image) {
  const ImageConfig& config = image.config;
  return {{"reference", image.reference},
          {"digest", image.digest},
          {"layers", strings(image.layer_directories)},
          {"entrypoint", strings(config.entrypoint)},
          {"cmd", strings(config.cmd)},
          {"env", strings(config.env)},
          {"workingDir", config.working_dir},
          {"user", config.user},
          {"labels", Json(config.labels)},
          {"stopSignal", config.stop_signal},
          {"health", to_json(config.health)}};
}

Image image_from_json(const Json& json) {
  Image image;
  image.reference = base::json_string(json, "reference");
  image.digest = base::json_string(json, "digest");
  image.layer_directories = strings_of(json, "layers");
  image.config.entrypoint = strings_of(json, "entrypoint");
  image.config.cmd = strings_of(json, "cmd");
  image.config.env = strings_of(json, "env");
  image.config.working_dir = base::json_string(json, "workingDir");
  image.config.user = base::json_string(json, "user");
  image.config.labels = json.value("labels", std::map<std::string, std::string>());
  image.config.stop_signal = base::json_string(json, "stopSignal");
  image.config.health = health_setting_from_json(json.value("health", Json::object()));
  return image;
}

}  // namespace

std::string host_name_of(const RunRequest& request, const std::string& id) {
  if (!request.host_name.empty()) return request.host_name;
  if (request.uts_mode != "host") return id;
  utsname names = {};
  base::check(uname(&names), "uname");
  return names.nodename;
}

Json shown_mounts(const RunRequest& request) {
  Json list = Json::array();
  for (const Volume& volume : request.volumes) list.push_back(shown_volume(volume));
  for (const TemporaryMount& mount : request.temporary_mounts) {
    list.push_back({{"type", "tmpfs"},
                    {"source", ""},
                    {"destination", mount.destination},
                    {"readOnly", (mount.attributes & MOUNT_ATTR_RDONLY) != 0},
                    {"anonymous", false}});
  }
  return list;
}

std::string to_text(const SavedRequest& saved) {
  Json json = {{"request", request_to_json(saved.request)}, {"image", image_to_json(saved.image)}};
  return base::to_text(json, 1) + "\n";
}

SavedRequest saved_request_from(const std::string& text, const std::string& where) {
  Json json = base::parse_json(text, where);
  try {
    return {.request = request_from_json(json.at("request")), .image = image_from_json(json.at("image"))};
  } catch (const Json::exception& error) {
    throw base::Error("read", where, error.what());
  } catch (const base::UsageError& error) {
    throw base::Error("read", where, error.what());
  }
}

}  // namespace runtime
