#include <algorithm>
#include <format>
#include <map>
#include <utility>

#include "base/table.h"
#include "base/text.h"
#include "sched/commands.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

constexpr std::size_t kShortHash = 7;

template <typename Row>
using Columns = std::map<std::string, std::function<std::string(const Row&)>, std::less<>>;

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string hash_text(const std::string& hash, bool full) {
  return or_dash(full ? hash : hash.substr(0, kShortHash));
}

template <typename Row>
int print_table(Session& session, const ListOptions& options, const Columns<Row>& columns,
                const std::vector<Row>& rows) {
  const auto fields = base::split(options.fields, ',');
  base::Table table(base::Table::Padding::kTabs);
  if (options.legend) {
    std::vector<std::string> header;
    for (auto field : fields) {
      std::ranges::transform(field, field.begin(),
                             [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      header.push_back(std::move(field));
    }
    table.add_row(std::move(header));
  }
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const auto& field : fields) cells.push_back(columns.find(field)->second(row));
    table.add_row(std::move(cells));
  }
  session.out << table.text();
  session.out.flush();
  return 0;
}

template <typename Row>
bool fields_are_valid(Session& session, const ListOptions& options, const Columns<Row>& columns) {
  if (options.fields.empty()) {
    say(session.err, "Must define output format");
    return false;
  }
  std::vector<std::string> allowed;
  for (const auto& [name, cell] : columns) allowed.push_back(name);
  for (const auto& field : base::split(options.fields, ',')) {
    if (columns.contains(field)) continue;
    say(session.err, std::format("Invalid key in output format: \"{}\"", field));
    say(session.err, std::format("Valid keys are {}", base::join(allowed, ", ")));
    return false;
  }
  return true;
}

// Machines by id, read once a command.
class Legends {
 public:
  Legends(Session& session, bool full) : full_(full) {
    for (auto& machine : session.registry.machines()) machines_.emplace(machine.id, std::move(machine));
  }
  std::string of(const std::string& id) const {
    if (id.empty()) return "-";
    const auto found = machines_.find(id);
    return found == machines_.end() ? machine_legend(id, full_) : machine_legend(found->second, full_);
  }

 private:
  bool full_;
  std::map<std::string, Machine> machines_;
};

std::string metadata_text(const Machine& machine) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : machine.metadata) pairs.push_back(key + "=" + value);
  return or_dash(base::join(pairs, ","));
}

}  // namespace

int list_units(Session& session, const ListOptions& options) {
  const Legends legends(session, options.full);
  const Columns<UnitState> columns = {
      {"unit", [](const UnitState& state) { return state.unit; }},
      {"load", [](const UnitState& state) { return or_dash(state.load); }},
      {"active", [](const UnitState& state) { return or_dash(state.active); }},
      {"sub", [](const UnitState& state) { return or_dash(state.sub); }},
      {"machine", [&](const UnitState& state) { return legends.of(state.machine_id); }},
      {"hash", [&](const UnitState& state) { return hash_text(state.hash, options.full); }},
  };
  if (!fields_are_valid(session, options, columns)) return 1;
  return print_table(session, options, columns, session.registry.unit_states());
}

int list_unit_files(Session& session, const ListOptions& options) {
  const Legends legends(session, options.full);
  std::map<std::string, std::vector<std::string>> machines_of;
  for (const auto& state : session.registry.unit_states()) machines_of[state.unit].push_back(state.machine_id);

  const auto target = [&](const Unit& unit) { return unit.requirements.global ? "global" : legends.of(unit.target); };
  const Columns<Unit> columns = {
      {"unit", [](const Unit& unit) { return unit.name; }},
      {"global", [](const Unit& unit) { return std::string(unit.requirements.global ? "true" : "false"); }},
      {"dstate", [](const Unit& unit) { return std::string(to_string(unit.desired)); }},
      {"state",
       [&](const Unit& unit) -> std::string {
         if (unit.requirements.global) return "-";
         return std::string(to_string(current_state(unit, std::ranges::contains(machines_of[unit.name], unit.target))));
       }},
      {"hash", [&](const Unit& unit) { return hash_text(unit.hash, options.full); }},
      {"desc", [](const Unit& unit) { return or_dash(unit.file->description()); }},
      {"target", target},
      {"tmachine", target},
  };
  if (!fields_are_valid(session, options, columns)) return 1;
  if (std::ranges::contains(base::split(options.fields, ','), "tmachine"))
    say(session.err, "WARNING: The \"tmachine\" field is deprecated. Use \"target\" instead");
  return print_table(session, options, columns, session.registry.units());
}

int list_machines(Session& session, const ListOptions& options) {
  const Columns<Machine> columns = {
      {"machine", [&](const Machine& machine) { return machine_legend(machine.id, options.full); }},
      {"ip", [](const Machine& machine) { return or_dash(machine.public_ip); }},
      {"metadata", metadata_text},
  };
  if (!fields_are_valid(session, options, columns)) return 1;
  return print_table(session, options, columns, session.registry.machines());
}

int cat_units(Session& session, const Arguments& arguments) {
  int result = 0;
  for (const auto& argument : arguments) {
    const auto name = mangle_unit_name(argument);
    const auto unit = session.registry.unit(name);
    if (unit) {
      session.out << unit->file->serialize();
    } else {
      say(session.err, std::format("Unit {} not found", name));
      result = 1;
    }
  }
  session.out.flush();
  return result;
}

int status_units(Session& session, const Arguments& arguments,
                 const std::function<int(const std::string& unit)>& show) {
  int result = 0;
  bool first = true;
  for (const auto& argument : arguments) {
    if (!std::exchange(first, false)) say(session.out, "");
    const auto name = mangle_unit_name(argument);
    const auto unit = session.registry.unit(name);
    if (!unit) {
      say(session.err, std::format("Unit {} does not exist.", name));
      return 1;
    }
    const auto states = session.registry.states_of(name);
    if (states.empty()) {
      say(session.err, std::format("Unit {} does not appear to be loaded.", name));
      return 1;
    }
    if (std::ranges::contains(states, session.machine_id, &UnitState::machine_id)) {
      result = std::max(result, show(name));
      continue;
    }
    for (const auto& state : states) {
      say(session.err, std::format("Unit {} is {} ({}) on {}: run '{}' there to see more", name, state.active,
                                   state.sub, legend_of(session, state.machine_id, false), "fleetctl status " + name));
    }
    result = std::max(result, 1);
  }
  return result;
}

}  // namespace sched
