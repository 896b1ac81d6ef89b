#pragma once
// Unit names as systemd.unit(5) and fleet have them: prefix[@instance].type.

#include <optional>
#include <string>
#include <string_view>

namespace sched {

inline constexpr std::size_t kMaxUnitName = 256;  // bytes

struct UnitName {
  std::string full;           // "web@1.service"
  std::string name;           // without the type: "web@1"
  std::string prefix;         // "web"
  std::string template_name;  // "web@.service"; empty when there is no '@'
  std::string instance;       // "1"; empty for a template

  bool is_template() const { return !template_name.empty() && instance.empty(); }
  bool is_instance() const { return !instance.empty(); }
};

// Nothing when the name has no type (no dot).
std::optional<UnitName> parse_unit_name(std::string_view name);

// What is wrong with the name, in fleet's words, or nothing when it may be used (also as a file name).
std::optional<std::string> unit_name_problem(std::string_view name);

// What the user typed as a unit's name: the last part of the path, with ".service" when there is no known type.
std::string mangle_unit_name(std::string_view argument);

// The argument itself with ".service" when there is no known type: the file to look for.
std::string append_default_type(std::string_view argument);

// systemd's specifiers %n %N %p %i in a value of [X-Fleet].
std::string expand_specifiers(std::string_view value, const UnitName& name);

}  // namespace sched
