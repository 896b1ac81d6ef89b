#include "sched/records.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

namespace sched {
namespace {

constexpr std::size_t kHashBytes = 20;

// The record as an object, or nothing.
std::optional<base::Json> parse_object(std::string_view text) {
  try {
    auto json = base::parse_json(text, "record");
    if (json.is_object()) return json;
  } catch (const base::Error&) {
  }
  return std::nullopt;
}

// `read` on the record; a member of the wrong type means that it is no such record.
template <typename Read>
auto read_object(std::string_view text, Read read) -> decltype(read(base::Json())) {
  const auto json = parse_object(text);
  if (!json) return std::nullopt;
  try {
    return read(*json);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

base::Json machine_json(const Machine& machine) {
  base::Json metadata = base::Json::object();
  for (const auto& [key, value] : machine.metadata) metadata[key] = value;
  base::Json json;
  json["ID"] = machine.id;
  json["PublicIP"] = machine.public_ip;
  json["Metadata"] = metadata;
  json["Capabilities"] = {{"GRPC", false}};
  json["Version"] = machine.version;
  return json;
}

}  // namespace

std::string write_job(std::string_view name, std::string_view hash) {
  base::Json bytes = base::Json::array();
  for (const char byte : base::unhex(hash).value_or("")) bytes.push_back(static_cast<unsigned char>(byte));
  base::Json json;
  json["Name"] = name;
  json["UnitHash"] = bytes;
  return base::to_text(json);
}

std::optional<std::string> read_job_hash(std::string_view text) {
  return read_object(text, [](const base::Json& json) -> std::optional<std::string> {
    const auto found = json.find("UnitHash");
    if (found == json.end() || !found->is_array() || found->size() != kHashBytes) return std::nullopt;
    std::string bytes;
    for (const auto& byte : *found) {
      if (!byte.is_number_unsigned() || byte.get<unsigned>() > 255) return std::nullopt;
      bytes += static_cast<char>(byte.get<unsigned>());
    }
    return base::hex(bytes);
  });
}

std::string write_unit_file(const UnitFile& file) {
  base::Json json;
  json["Raw"] = file.serialize();
  return base::to_text(json);
}

std::optional<UnitFile> read_unit_file(std::string_view text) {
  return read_object(text, [](const base::Json& json) -> std::optional<UnitFile> {
    if (!json.contains("Raw")) return std::nullopt;
    return UnitFile::parse(base::json_string(json, "Raw"), "unit in the store");
  });
}

std::string write_machine(const Machine& machine) {
  return base::to_text(machine_json(machine));
}

std::optional<Machine> read_machine(std::string_view text) {
  return read_object(text, [](const base::Json& json) -> std::optional<Machine> {
    Machine machine;
    machine.id = base::json_string(json, "ID");
    machine.public_ip = base::json_string(json, "PublicIP");
    machine.version = base::json_string(json, "Version");
    if (machine.id.empty()) return std::nullopt;
    const auto metadata = json.find("Metadata");
    if (metadata != json.end() && metadata->is_object()) {
      for (const auto& [key, value] : metadata->items()) {
        if (value.is_string()) machine.metadata[key] = value.get<std::string>();
      }
    }
    return machine;
  });
}

std::string write_state(const UnitState& state) {
  base::Json json;
  json["loadState"] = state.load;
  json["activeState"] = state.active;
  json["subState"] = state.sub;
  json["machineState"] = {
      {"ID", state.machine_id}, {"PublicIP", ""}, {"Metadata", nullptr}, {"Capabilities", nullptr}, {"Version", ""}};
  json["unitHash"] = state.hash;
  return base::to_text(json);
}

std::optional<UnitState> read_state(std::string_view text, std::string_view unit) {
  return read_object(text, [&](const base::Json& json) -> std::optional<UnitState> {
    UnitState state;
    state.unit = unit;
    state.load = base::json_string(json, "loadState");
    state.active = base::json_string(json, "activeState");
    state.sub = base::json_string(json, "subState");
    state.hash = base::json_string(json, "unitHash");
    const auto machine = json.find("machineState");
    if (machine != json.end() && machine->is_object()) state.machine_id = base::json_string(*machine, "ID");
    return state;
  });
}

std::string write_lease(const LeaseRecord& record) {
  base::Json json;
  json["MachineID"] = record.machine_id;
  json["Version"] = record.version;
  return base::to_text(json);
}

std::optional<LeaseRecord> read_lease(std::string_view text) {
  return read_object(text, [](const base::Json& json) -> std::optional<LeaseRecord> {
    LeaseRecord record{base::json_string(json, "MachineID"), base::json_integer(json, "Version")};
    if (record.machine_id.empty()) return std::nullopt;
    return record;
  });
}

}  // namespace sched
