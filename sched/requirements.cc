#include "sched/requirements.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/text.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

constexpr std::string_view kSection = "X-Fleet";

constexpr std::array<std::string_view, 11> kKnown = {"MachineID",
                                                     "MachineOf",
                                                     "MachineMetadata",
                                                     "Conflicts",
                                                     "Replaces",
                                                     "Global",
                                                     "X-ConditionMachineID",
                                                     "X-ConditionMachineBootID",
                                                     "X-ConditionMachineOf",
                                                     "X-ConditionMachineMetadata",
                                                     "X-Conflicts"};

class Section {
 public:
  Section(const UnitFile& file, std::string_view unit_name) : file_(file), name_(parse_unit_name(unit_name)) {}

  // Values of the first-named options, then of the others.
  std::vector<std::string> values(std::initializer_list<std::string_view> keys) const {
    std::vector<std::string> result;
    for (const auto key : keys) {
      for (const auto& line : file_.values(kSection, key)) {
        for (const auto& value : split_multivalue(line)) {
          result.push_back(name_ ? expand_specifiers(value, *name_) : value);
        }
      }
    }
    return result;
  }

  std::vector<std::string> words(std::initializer_list<std::string_view> keys) const {
    std::vector<std::string> result;
    for (const auto& value : values(keys)) {
      for (auto& word : base::split_words(value)) result.push_back(std::move(word));
    }
    return result;
  }

 private:
  const UnitFile& file_;
  std::optional<UnitName> name_;
};

bool is_truthy(std::string_view value) {
  const auto text = base::lower(value);
  return text == "true" || text == "yes" || text == "1" || text == "on" || text == "t";
}

}  // namespace

Requirements read_requirements(const UnitFile& file, std::string_view unit_name) {
  const Section section(file, unit_name);
  Requirements result;
  const auto ids = section.values({"MachineID", "X-ConditionMachineID", "X-ConditionMachineBootID"});
  if (!ids.empty()) result.machine_id = ids.front();
  result.peers = section.words({"X-ConditionMachineOf", "MachineOf"});
  result.conflicts = section.words({"X-Conflicts", "Conflicts"});
  result.replaces = section.words({"Replaces"});
  for (const auto& pair : section.values({"X-ConditionMachineMetadata", "MachineMetadata"})) {
    const auto parts = base::split(pair, '=');
    if (parts.size() == 2 && !parts[0].empty() && !parts[1].empty()) result.metadata[parts[0]].insert(parts[1]);
  }
  const auto global = section.values({"Global"});
  result.global = !global.empty() && is_truthy(global.back());
  return result;
}

std::optional<std::string> requirements_problem(const Requirements& requirements) {
  for (const auto& peer : requirements.peers) {
    for (const auto& conflict : requirements.conflicts) {
      if (base::glob_match(conflict, peer))
        return std::format("unresolvable requirements: peer \"{}\" matches conflict \"{}\"", peer, conflict);
    }
  }
  const bool peers = !requirements.peers.empty();
  const bool conflicts = !requirements.conflicts.empty();
  const bool replaces = !requirements.replaces.empty();
  if (requirements.machine_id && peers) return "MachineID cannot be used with Peers";
  if (requirements.machine_id && conflicts) return "MachineID cannot be used with Conflicts";
  if (requirements.machine_id && requirements.global) return "MachineID cannot be used with Global";
  if (requirements.machine_id && replaces) return "MachineID cannot be used with Replaces";
  if (requirements.global && peers) return "Global cannot be used with Peers";
  if (requirements.global && replaces) return "Global cannot be used with Replaces";
  if (conflicts && replaces) return "Conflicts cannot be used with Replaces";
  return std::nullopt;
}

std::vector<std::string> unknown_requirements(const UnitFile& file) {
  std::vector<std::string> result;
  for (const auto& option : file.options()) {
    if (option.section != kSection) continue;
    if (std::ranges::find(kKnown, option.name) != kKnown.end()) continue;
    if (std::ranges::find(result, option.name) == result.end()) result.push_back(option.name);
  }
  return result;
}

}  // namespace sched
