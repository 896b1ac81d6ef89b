#include "runtime/container_uses.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/container_data.h"
#include "runtime/secret_store.h"
#include "runtime/volume_store.h"

namespace runtime {
namespace {

constexpr const char* kFile = "uses.json";

// Nothing when the container has none.
std::optional<base::Json> read_uses(const std::string& path) {
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  base::Json uses = base::parse_json(*text, path);
  if (!uses.is_object()) throw base::Error("read", path, "no object");
  return uses;
}

std::vector<std::string> names_in(const base::Json& uses, const char* kind, const std::string& path) {
  std::vector<std::string> names;
  for (const base::Json& name : uses.value(kind, base::Json::array())) {
    if (!name.is_string()) throw base::Error("read", path, std::string(kind) + " are not names");
    names.push_back(name.get<std::string>());
  }
  return names;
}

Uses uses_of(const Machine& machine, const char* kind) {
  StateStore store(machine.state);
  Uses uses;
  for (const std::string& id : all_data(machine)) {
    if (!is_valid_id(id)) continue;  // being removed
    std::string path = data_path(machine, id) + "/" + kFile;
    std::optional<base::Json> json = read_uses(path);
    if (!json) continue;
    std::optional<ContainerState> state = store.load(id);
    for (const std::string& name : names_in(*json, kind, path)) uses[name].push_back(state ? state->name : id);
  }
  return uses;
}

}  // namespace

void claim_uses(const Machine& machine, const std::string& id, const RunRequest& request) {
  base::Json volumes = base::Json::array();
  base::Json anonymous = base::Json::array();
  VolumeStore store(machine.root);
  base::Fd held;
  for (const Volume& volume : request.volumes) {
    if (volume.name.empty()) continue;
    if (!held) held = store.lock();
    if (!store.find(volume.name)) {
      store.create({.name = volume.name, .created = now_text(), .anonymous = volume.anonymous});
    }
    volumes.push_back(volume.name);
    if (volume.anonymous) anonymous.push_back(volume.name);
  }
  SecretStore secret_store(machine.root);
  base::Json secrets = base::Json::array();
  base::Fd held_secrets;
  for (const SecretWord& secret : request.secrets) {
    if (!held_secrets) held_secrets = secret_store.lock();
    if (!secret_store.has(secret.name)) throw base::Error("secret", secret.name, "there is none");
    secrets.push_back(secret.name);
  }
  if (volumes.empty() && secrets.empty()) return;
  base::Json uses = {
      {"volumes", volumes}, {"secrets", secrets}, {"anonymous", anonymous}, {"removeVolumes", request.remove_at_exit}};
  base::write_file_atomic(data_path(machine, id) + "/" + kFile, base::to_text(uses) + "\n", 0600);
}

void let_volumes_go(const Machine& machine, const std::string& id) {
  std::string path = data_path(machine, id) + "/" + kFile;
  std::optional<base::Json> uses = read_uses(path);
  if (!uses) return;
  (*uses)["removeVolumes"] = true;
  base::write_file_atomic(path, base::to_text(*uses) + "\n", 0600);
}

void remove_volumes_of(const Machine& machine, const std::string& directory) {
  std::string path = directory + "/" + kFile;
  std::optional<base::Json> uses = read_uses(path);
  if (!uses) return;
  std::vector<std::string> names = names_in(*uses, "anonymous", path);
  if (names.empty() || !base::json_bool(*uses, "removeVolumes")) return;
  VolumeStore store(machine.root);
  base::Fd held = store.lock();
  Uses in_use = volume_uses(machine);
  for (const std::string& name : names) {
    if (!in_use.contains(name) && store.find(name)) store.remove(name);
  }
}

Uses volume_uses(const Machine& machine) {
  return uses_of(machine, "volumes");
}

Uses secret_uses(const Machine& machine) {
  return uses_of(machine, "secrets");
}

void require_unused(const std::string& what, const std::string& name, const Uses& uses) {
  auto found = uses.find(name);
  if (found != uses.end()) throw base::Error(what, name, "in use by " + base::join(found->second, ", "));
}

}  // namespace runtime
