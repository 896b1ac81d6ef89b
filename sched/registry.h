#pragma once
// fleet's records in the store, below /_coreos.com/fleet/ (docs/sched.md lists keys and values). Everything read from
// the store is checked: what does not parse is reported once in the log and left out. Blocking; one object a thread,
// cancel() of the client excepted. All methods throw base::Error when the store does not answer.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/client/client.h"
#include "sched/model.h"

namespace sched {

inline constexpr std::string_view kDefaultPrefix = "/_coreos.com/fleet/";

class Registry {
 public:
  // `client` must outlive the registry.
  explicit Registry(kv::Client& client, std::string_view prefix = kDefaultPrefix);

  // Units, sorted by name.
  std::vector<Unit> units();
  std::optional<Unit> unit(const std::string& name);
  // Stores the file and the unit, desired inactive. An existing unit is left alone (false), or with `replace` gets the
  // new file.
  bool create_unit(const std::string& name, const UnitFile& file, bool replace = false);
  void set_desired(const std::string& name, JobState state);
  bool destroy_unit(const std::string& name);  // false when there was none

  // Decisions of the engine: false when somebody else was faster.
  bool schedule(const std::string& name, const std::string& machine_id);
  bool unschedule(const std::string& name, const std::string& machine_id);

  // "I have started it", said by a unit's machine again and again.
  void heartbeat(const std::string& name, const std::string& machine_id, std::chrono::seconds ttl);
  void clear_heartbeat(const std::string& name, const std::string& machine_id);

  // Sorted by unit and machine.
  std::vector<UnitState> unit_states();
  std::vector<UnitState> states_of(const std::string& unit);
  std::optional<UnitState> unit_state(const std::string& unit, const std::string& machine_id);
  void save_state(const UnitState& state, std::chrono::seconds ttl);
  bool refresh_state(const UnitState& state, std::chrono::seconds ttl);  // false: it is gone, save it again
  void remove_state(const std::string& unit, const std::string& machine_id);

  // Machines that are alive, sorted by id, with the metadata that was set at run time.
  std::vector<Machine> machines();
  // False when a machine with this id and another address is there already.
  bool register_machine(const Machine& machine, std::chrono::seconds ttl);
  bool refresh_machine(const Machine& machine, std::chrono::seconds ttl);

  std::string key(std::string_view rest) const { return prefix_ + std::string(rest); }
  kv::Client& client() { return client_; }

 private:
  struct JobKeys;
  std::vector<UnitState> read_states(const std::string& below);
  std::optional<Unit> make_unit(const std::string& name, const JobKeys& keys);
  std::shared_ptr<const UnitFile> unit_file(const std::string& hash);
  void complain_once(const std::string& text);

  kv::Client& client_;
  std::string prefix_;                                            // ends in '/'
  std::map<std::string, std::shared_ptr<const UnitFile>> files_;  // by hash; files never change
  std::set<std::string> complaints_;
};

// How far a unit has gone, as its machine says: fleet's rule.
JobState current_state(const Unit& unit, bool has_state);

}  // namespace sched
