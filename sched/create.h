#pragma once
// How a unit gets into the store: submit, load and start create what is not there yet.

#include <string>
#include <vector>

#include "sched/session.h"

namespace sched {

struct CreateOptions {
  std::string_view command;  // "submit", "load" or "start": how far along a unit may be that --replace replaces
  bool replace = false;
  Patience patience;
};

// For every argument, a unit's name or file: nothing when the store has the unit (a warning when the local file
// differs), else the unit from the local file, the store's template or the local template. False after an error that
// was printed. Throws base::Error when the store does not answer.
bool create_units(Session& session, const std::vector<std::string>& arguments, const CreateOptions& options);

}  // namespace sched
