#pragma once
// schedctl's commands, with fleetctl's texts and exit codes (0, or 1 when something did not come to pass).

#include <functional>
#include <string>
#include <vector>

#include "sched/session.h"

namespace sched {

using Arguments = std::vector<std::string>;

// commands.cc: what changes a unit. `replace`: a unit that is there gets the local file.
int submit_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience);
int load_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience);
int start_units(Session& session, const Arguments& arguments, bool replace, const Patience& patience);
int stop_units(Session& session, const Arguments& arguments, const Patience& patience);
int unload_units(Session& session, const Arguments& arguments, const Patience& patience);
int restart_units(Session& session, const Arguments& arguments, const Patience& patience);
int destroy_units(Session& session, const Arguments& arguments, const Patience& patience);

// list_commands.cc: what shows. `fields` is a comma-separated list of columns.
struct ListOptions {
  std::string fields;
  bool full = false;
  bool legend = true;
};
int list_units(Session& session, const ListOptions& options);
int list_unit_files(Session& session, const ListOptions& options);
int list_machines(Session& session, const ListOptions& options);
int cat_units(Session& session, const Arguments& arguments);

// `show` shows the status of a unit of this machine and returns its exit code.
int status_units(Session& session, const Arguments& arguments, const std::function<int(const std::string& unit)>& show);

}  // namespace sched
