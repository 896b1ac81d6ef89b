#pragma once
// What a unit's [X-Fleet] section asks for (fleet's Documentation/unit-files-and-scheduling.md), with specifiers
// expanded.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sched/unit_file.h"

namespace sched {

struct Requirements {
  std::optional<std::string> machine_id;                  // full or the 8 characters of the short form
  std::map<std::string, std::set<std::string>> metadata;  // every key, any of its values
  std::vector<std::string> peers;                         // MachineOf=: units that must be on the same machine
  std::vector<std::string> conflicts;                     // globs of units that must not be on the same machine
  std::vector<std::string> replaces;                      // globs of units that make way
  bool global = false;                                    // one on every machine that fits
};

Requirements read_requirements(const UnitFile& file, std::string_view unit_name);

// Requirements that exclude each other, in fleet's words; nothing when they can be met together.
std::optional<std::string> requirements_problem(const Requirements& requirements);

// Keys in [X-Fleet] that mean nothing here.
std::vector<std::string> unknown_requirements(const UnitFile& file);

}  // namespace sched
