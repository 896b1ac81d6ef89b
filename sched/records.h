#pragma once
// The JSON of fleet's records: what is written is byte for byte what fleet 1.0 writes; what is read may come from any
// version of it. The readers give nothing for text that is not such a record.

#include <optional>
#include <string>
#include <string_view>

#include "sched/model.h"

namespace sched {

// job/NAME/object: {"Name":"a.service","UnitHash":[28,111,…]}: the SHA-1's twenty bytes as numbers.
std::string write_job(std::string_view name, std::string_view hash);
std::optional<std::string> read_job_hash(std::string_view text);

// unit/SHA1: {"Raw":"[Unit]\n…"}
std::string write_unit_file(const UnitFile& file);
std::optional<UnitFile> read_unit_file(std::string_view text);

// machines/ID/object: {"ID":…,"PublicIP":…,"Metadata":{…},"Capabilities":{"GRPC":false},"Version":…}
std::string write_machine(const Machine& machine);
std::optional<Machine> read_machine(std::string_view text);

// states/NAME/MACHINE: {"loadState":…,"activeState":…,"subState":…,"machineState":{"ID":…,…},"unitHash":…}
std::string write_state(const UnitState& state);
std::optional<UnitState> read_state(std::string_view text, std::string_view unit);

// lease/engine-leader: {"MachineID":…,"Version":1}
struct LeaseRecord {
  std::string machine_id;
  std::int64_t version = 0;
};
std::string write_lease(const LeaseRecord& record);
std::optional<LeaseRecord> read_lease(std::string_view text);

}  // namespace sched
