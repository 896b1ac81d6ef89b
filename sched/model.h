#pragma once
// The things that the scheduler talks about, as values.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sched/requirements.h"
#include "sched/unit_file.h"

namespace sched {

// How far a unit shall go, or has gone. systemd's own states are in UnitState.
enum class JobState {
  kInactive,  // only in the store
  kLoaded,    // on a machine, known to its systemd
  kLaunched,  // and started
};
std::string_view to_string(JobState state);  // "inactive", "loaded", "launched"
std::optional<JobState> parse_job_state(std::string_view text);

struct Machine {
  std::string id;         // 32 hexadecimal digits
  std::string public_ip;  // may be empty
  std::map<std::string, std::string> metadata;
  std::string version;
  bool operator==(const Machine&) const = default;
};

// True for the machine's full id and for its short form.
bool matches_id(const Machine& machine, std::string_view id);

// "e1cd2bcd..." or, `full`, the whole id.
std::string machine_legend(std::string_view id, bool full);
// "e1cd2bcd.../172.17.8.101"; only the id when the address is not known.
std::string machine_legend(const Machine& machine, bool full);

struct Unit {
  std::string name;
  std::string hash;                      // of `file`
  std::shared_ptr<const UnitFile> file;  // never null
  Requirements requirements;
  JobState desired = JobState::kInactive;
  std::string target;     // id of the machine that it is scheduled to; empty: none (and always for global units)
  std::string heartbeat;  // id of the machine that says it has started it
};

// What a machine's systemd says about a unit.
struct UnitState {
  std::string unit;
  std::string machine_id;
  std::string load;    // loaded, not-found, …
  std::string active;  // active, inactive, failed, …
  std::string sub;     // running, dead, …
  std::string hash;    // of the unit file there
  bool operator==(const UnitState&) const = default;
};

}  // namespace sched
