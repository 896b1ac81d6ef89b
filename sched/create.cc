#include "sched/create.h"

#include <format>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

// Something about one unit that the user has to mend: printed after "Error creating units: ".
struct Refusal {
  std::string text;
};

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::optional<UnitFile> local_file(const std::string& path) {
  const auto text = base::read_file_if_exists(path, kMaxUnitBytes);
  if (!text) return std::nullopt;
  return UnitFile::parse(*text, path);
}

std::optional<UnitFile> local_template(const std::string& path, const UnitName& name) {
  return name.is_instance() ? local_file(directory_of(path) + name.template_name) : std::nullopt;
}

UnitFile find_file(Session& session, const std::string& path, const std::string& name) {
  try {
    if (auto file = local_file(path)) return std::move(*file);
    const auto parsed = parse_unit_name(name);
    if (!parsed || !parsed->is_instance())
      throw Refusal{std::format("unable to find Unit({}) in Registry or on filesystem", name)};
    if (const auto unit = session.registry.unit(parsed->template_name)) return *unit->file;
    if (auto file = local_template(path, *parsed)) return std::move(*file);
    throw Refusal{
        std::format("failed getting Unit({}) from template: unable to find template Unit({}) in Registry or "
                    "on filesystem",
                    path, parsed->template_name)};
  } catch (const base::Error& error) {
    throw Refusal{std::format("failed getting Unit({}) from file: {}", path, error.what())};
  }
}

// The store's unit goes on being used; the user should know when it is not what lies in front of them.
void warn_when_different(Session& session, const Unit& unit, const std::string& path) {
  const auto warn = [&](std::string_view what, const std::string& file) {
    say(session.err, std::format("WARNING: Unit {} in registry differs from local {} {}. Add --replace to override.",
                                 unit.name, what, file));
  };
  try {
    if (const auto file = local_file(path)) {
      if (file->hash() != unit.hash) warn("unit file", path);
      return;
    }
    const auto name = parse_unit_name(unit.name);
    const auto file = name ? local_template(path, *name) : std::nullopt;
    if (file && file->hash() != unit.hash) warn("template unit file", directory_of(path) + name->template_name);
  } catch (const base::Error&) {
    warn("unit file", path);  // a file that cannot be read or parsed is not the same one
  }
}

bool may_replace(std::string_view command, JobState desired) {
  if (command == "submit") return desired == JobState::kInactive;
  if (command == "load") return desired != JobState::kLaunched;
  return true;
}

void check(Session& session, const std::string& name, const UnitFile& file) {
  if (const auto problem = unit_name_problem(name)) throw Refusal{*problem};
  if (const auto problem = requirements_problem(read_requirements(file, name))) throw Refusal{*problem};
  if (file.options().empty()) throw Refusal{std::format("unit {} has no options", name)};
  // Blanks behind a backslash are cut, and sections are put together: then it continues what it did not.
  if (UnitFile::parse(file.serialize(), name).hash() != file.hash())
    throw Refusal{std::format("unit {} has a value that ends in a backslash without a line that continues it", name)};
  for (const auto& key : unknown_requirements(file)) {
    say(session.err, std::format("WARNING: Unit {}: unrecognized requirement in [X-Fleet] section: \"{}\"", name, key));
  }
}

// True when the unit was written and has to be waited for.
bool create_unit(Session& session, const std::string& argument, const CreateOptions& options) {
  const auto path = append_default_type(argument);
  const auto name = mangle_unit_name(argument);
  if (const auto problem = unit_name_problem(name)) throw Refusal{*problem};
  const auto unit = session.registry.unit(name);
  if (unit && !options.replace) {
    warn_when_different(session, *unit, path);
    return false;
  }
  const auto file = find_file(session, path, name);
  if (unit && unit->hash == file.hash()) {
    say(session.out, std::format("Found same Unit({}) in Registry, nothing to do", name));
    return false;
  }
  if (unit && !may_replace(options.command, unit->desired)) {
    say(session.err, std::format("Warning: can not replace Unit({}) in state '{}', use the appropriate command", name,
                                 to_string(unit->desired)));
    return false;
  }
  check(session, name, file);
  if (!session.registry.create_unit(name, file, options.replace))
    throw Refusal{std::format("failed creating unit {}: job already exists", name)};
  return true;
}

}  // namespace

bool create_units(Session& session, const std::vector<std::string>& arguments, const CreateOptions& options) {
  std::vector<std::string> created;
  try {
    for (const auto& argument : arguments) {
      if (create_unit(session, argument, options)) created.push_back(mangle_unit_name(argument));
    }
  } catch (const Refusal& refusal) {
    say(session.err, "Error creating units: " + refusal.text);
    return false;
  }
  if (wait_for_state(session, created, JobState::kInactive, options.patience, "Error waiting on unit creation"))
    return true;
  say(session.err, "Error creating units: One or more errors creating units");
  return false;
}

}  // namespace sched
