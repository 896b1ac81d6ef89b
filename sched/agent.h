#pragma once
// Makes this machine's systemd match what the store wants, and tells what systemd says. It keeps nothing in memory that
// is not also in the unit directory. One thread.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/systemd.h"
#include "sched/agent_plan.h"
#include "sched/unit_directory.h"

namespace sched {

class Agent {
 public:
  // References must outlive the agent.
  Agent(base::Systemd& systemd, UnitDirectory& directory, std::string machine_id);

  enum class Result {
    kDone,     // systemd matches
    kPending,  // a unit is still stopping: come back soon
    kFailed,   // a step failed and was logged: come back later
  };
  // A step that fails holds up the later steps of its own unit only. Throws base::Error when systemd does not answer.
  Result reconcile(const std::map<std::string, DesiredUnit>& desired);

  // The units that are loaded here, as systemd sees them. Sorted by name.
  std::vector<UnitState> states();
  // The ones that were started here.
  std::set<std::string> launched() const;

 private:
  std::map<std::string, CurrentUnit> current();
  void carry_out(const Step& step, const std::map<std::string, DesiredUnit>& desired);
  void load(const std::string& name, const UnitFile& file);
  void unload(const std::string& name);
  void stop(const std::string& name);
  void reload();
  void report(const Step& step, const std::string& problem);

  base::Systemd& systemd_;
  UnitDirectory& directory_;
  std::string machine_id_;
  std::set<std::string> loaded_now_;             // since the last reload
  std::map<std::string, std::string> problems_;  // by unit: what was logged last
};

}  // namespace sched
