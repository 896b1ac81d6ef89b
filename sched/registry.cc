#include "sched/registry.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "sched/records.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

// The parts of a key below `directory` ("/…/job/"), or nothing when it is not below it.
std::vector<std::string> parts_below(std::string_view key, std::string_view directory) {
  if (!key.starts_with(directory)) return {};
  return base::split(key.substr(directory.size()), '/');
}

std::string without_slash(std::string key) {
  if (key.ends_with('/')) key.pop_back();
  return key;
}

}  // namespace

struct Registry::JobKeys {
  std::string object;
  std::string target_state;
  std::string target;
  std::string heartbeat;

  void set(std::string_view name, const std::string& value) {
    if (name == "object") object = value;
    if (name == "target-state") target_state = value;
    if (name == "target") target = value;
    if (name == "job-state") heartbeat = value;
  }
};

Registry::Registry(kv::Client& client, std::string_view prefix) : client_(client), prefix_(prefix) {
  if (!prefix_.starts_with('/')) prefix_.insert(0, "/");
  if (!prefix_.ends_with('/')) prefix_ += '/';
}

void Registry::complain_once(const std::string& text) {
  if (complaints_.size() < 1000 && complaints_.insert(text).second) base::log_warning("{}", text);
}

std::shared_ptr<const UnitFile> Registry::unit_file(const std::string& hash) {
  const auto known = files_.find(hash);
  if (known != files_.end()) return known->second;
  const auto node = client_.get(key("unit/" + hash));
  if (!node) return nullptr;
  auto file = read_unit_file(node->value);
  if (!file || file->hash() != hash) return nullptr;
  auto shared = std::make_shared<const UnitFile>(std::move(*file));
  files_.emplace(hash, shared);
  return shared;
}

std::optional<Unit> Registry::make_unit(const std::string& name, const JobKeys& keys) {
  if (keys.object.empty()) return std::nullopt;
  if (const auto problem = unit_name_problem(name)) {
    complain_once(std::format("unit \"{}\" in the store is left out: {}", name, *problem));
    return std::nullopt;
  }
  Unit unit;
  unit.name = name;
  unit.hash = read_job_hash(keys.object).value_or("");
  if (!unit.hash.empty()) unit.file = unit_file(unit.hash);
  if (!unit.file) {
    complain_once(std::format("unit {} in the store is left out: its unit file (hash \"{}\") is missing or damaged",
                              name, unit.hash));
    return std::nullopt;
  }
  unit.requirements = read_requirements(*unit.file, name);
  unit.desired = parse_job_state(keys.target_state).value_or(JobState::kInactive);
  unit.target = keys.target;
  unit.heartbeat = keys.heartbeat;
  return unit;
}

std::vector<Unit> Registry::units() {
  const auto directory = key("job/");
  std::map<std::string, JobKeys> jobs;
  for (const auto& node : client_.list(without_slash(directory)).nodes) {
    const auto parts = parts_below(node.key, directory);
    if (!node.directory && parts.size() == 2) jobs[parts[0]].set(parts[1], node.value);
  }
  std::vector<Unit> result;
  std::map<std::string, std::shared_ptr<const UnitFile>> used;
  for (const auto& [name, keys] : jobs) {
    auto unit = make_unit(name, keys);
    if (!unit) continue;
    used.emplace(unit->hash, unit->file);
    result.push_back(std::move(*unit));
  }
  files_ = std::move(used);  // forget the files of units that are gone
  return result;
}

std::optional<Unit> Registry::unit(const std::string& name) {
  const auto directory = key("job/" + name + "/");
  JobKeys keys;
  for (const auto& node : client_.list(without_slash(directory)).nodes) {
    const auto parts = parts_below(node.key, directory);
    if (!node.directory && parts.size() == 1) keys.set(parts[0], node.value);
  }
  return make_unit(name, keys);
}

bool Registry::create_unit(const std::string& name, const UnitFile& file, bool replace) {
  const auto hash = file.hash();
  client_.put(key("unit/" + hash), write_unit_file(file), {.previous_exists = false});
  kv::PutOptions options;
  if (!replace) options.previous_exists = false;
  if (!client_.put(key("job/" + name + "/object"), write_job(name, hash), options)) return false;
  set_desired(name, JobState::kInactive);
  return true;
}

void Registry::set_desired(const std::string& name, JobState state) {
  client_.put(key("job/" + name + "/target-state"), std::string(to_string(state)));
}

bool Registry::destroy_unit(const std::string& name) {
  return client_.remove(key("job/" + name), true);
}

bool Registry::schedule(const std::string& name, const std::string& machine_id) {
  return client_.put(key("job/" + name + "/target"), machine_id, {.previous_exists = false}).has_value();
}

bool Registry::unschedule(const std::string& name, const std::string& machine_id) {
  return client_.remove(key("job/" + name + "/target"), false, machine_id);
}

void Registry::heartbeat(const std::string& name, const std::string& machine_id, std::chrono::seconds ttl) {
  client_.put(key("job/" + name + "/job-state"), machine_id, {.ttl = ttl});
}

void Registry::clear_heartbeat(const std::string& name, const std::string& machine_id) {
  client_.remove(key("job/" + name + "/job-state"), false, machine_id);
}

std::vector<UnitState> Registry::unit_states() {
  return read_states(key("states"));
}

std::vector<UnitState> Registry::states_of(const std::string& unit) {
  return read_states(key("states/" + unit));
}

std::vector<UnitState> Registry::read_states(const std::string& below) {
  const auto directory = key("states/");
  std::vector<UnitState> result;
  for (const auto& node : client_.list(below).nodes) {
    const auto parts = parts_below(node.key, directory);
    if (node.directory || parts.size() != 2) continue;
    auto state = read_state(node.value, parts[0]);
    if (!state) {
      complain_once(std::format("state {} in the store is left out: it is not a state's JSON", node.key));
      continue;
    }
    if (state->machine_id.empty()) state->machine_id = parts[1];
    result.push_back(std::move(*state));
  }
  std::ranges::sort(result, {}, [](const UnitState& state) { return std::tie(state.unit, state.machine_id); });
  return result;
}

std::optional<UnitState> Registry::unit_state(const std::string& unit, const std::string& machine_id) {
  const auto node = client_.get(key("states/" + unit + "/" + machine_id));
  return node ? read_state(node->value, unit) : std::nullopt;
}

// fleet keeps a second, older record of a unit's state that knows only one machine; its readers still look there.
void Registry::save_state(const UnitState& state, std::chrono::seconds ttl) {
  const auto text = write_state(state);
  client_.put(key("state/" + state.unit), text, {.ttl = ttl});
  client_.put(key("states/" + state.unit + "/" + state.machine_id), text, {.ttl = ttl});
}

bool Registry::refresh_state(const UnitState& state, std::chrono::seconds ttl) {
  client_.refresh(key("state/" + state.unit), ttl);
  return client_.refresh(key("states/" + state.unit + "/" + state.machine_id), ttl);
}

void Registry::remove_state(const std::string& unit, const std::string& machine_id) {
  const auto older = key("state/" + unit);
  if (const auto node = client_.get(older)) {
    const auto state = read_state(node->value, unit);
    if (!state || state->machine_id == machine_id) client_.remove(older, false, node->value);
  }
  client_.remove(key("states/" + unit + "/" + machine_id));
}

std::vector<Machine> Registry::machines() {
  const auto directory = key("machines/");
  std::map<std::string, Machine> alive;
  std::map<std::string, std::map<std::string, std::string>> run_time_metadata;
  for (const auto& node : client_.list(without_slash(directory)).nodes) {
    const auto parts = parts_below(node.key, directory);
    if (node.directory) continue;
    if (parts.size() == 2 && parts[1] == "object") {
      if (auto machine = read_machine(node.value)) {
        alive.emplace(parts[0], std::move(*machine));
      } else {
        complain_once(std::format("machine {} in the store is left out: it is not a machine's JSON", parts[0]));
      }
    } else if (parts.size() == 3 && parts[1] == "metadata") {
      run_time_metadata[parts[0]][parts[2]] = node.value;
    }
  }
  std::vector<Machine> result;
  for (auto& [id, machine] : alive) {
    for (const auto& [name, value] : run_time_metadata[id]) {
      if (value.empty()) {
        machine.metadata.erase(name);
      } else {
        machine.metadata[name] = value;
      }
    }
    result.push_back(std::move(machine));
  }
  return result;
}

bool Registry::register_machine(const Machine& machine, std::chrono::seconds ttl) {
  const auto path = key("machines/" + machine.id + "/object");
  const auto text = write_machine(machine);
  if (client_.put(path, text, {.ttl = ttl, .previous_exists = false})) return true;
  const auto node = client_.get(path);
  const auto there = node ? read_machine(node->value) : std::nullopt;
  if (there && there->public_ip != machine.public_ip) return false;
  client_.put(path, text, {.ttl = ttl});
  return true;
}

bool Registry::refresh_machine(const Machine& machine, std::chrono::seconds ttl) {
  return client_.refresh(key("machines/" + machine.id + "/object"), ttl);
}

JobState current_state(const Unit& unit, bool has_state) {
  if (unit.target.empty() || !has_state) return JobState::kInactive;
  return unit.heartbeat == unit.target ? JobState::kLaunched : JobState::kLoaded;
}

}  // namespace sched
