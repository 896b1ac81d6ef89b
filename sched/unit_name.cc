#include "sched/unit_name.h"

#include <algorithm>
#include <array>
#include <format>

namespace sched {
namespace {

constexpr std::array<std::string_view, 13> kTypes = {"automount", "busname", "device", "mount",    "path",
                                                     "scope",     "service", "slice",  "snapshot", "socket",
                                                     "swap",      "target",  "timer"};
// fleet's unit.RecognizedUnitType: what keeps a name from getting ".service" appended.
constexpr std::array<std::string_view, 7> kRecognized = {".service", ".socket", ".timer",    ".path",
                                                         ".device",  ".mount",  ".automount"};

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":-_.\\@").contains(c);
}

bool has_recognized_type(std::string_view name) {
  return std::ranges::any_of(kRecognized, [&](std::string_view type) { return name.ends_with(type); });
}

// The character for people, also when it is not printable.
std::string quoted(char c) {
  if (c >= 0x20 && c < 0x7f) return std::format("'{}'", c);
  return std::format("'\\x{:02x}'", static_cast<unsigned char>(c));
}

}  // namespace

std::optional<UnitName> parse_unit_name(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  UnitName result;
  result.full = name;
  result.name = name.substr(0, dot);
  const auto at = result.name.find('@');
  if (at == std::string::npos) {
    result.prefix = result.name;
    return result;
  }
  result.prefix = result.name.substr(0, at);
  result.template_name = result.prefix + "@" + std::string(name.substr(dot));
  result.instance = result.name.substr(at + 1);
  return result;
}

std::optional<std::string> unit_name_problem(std::string_view name) {
  if (name.empty()) return "unit name cannot be empty";
  if (name.size() > kMaxUnitName) return std::format("unit name exceeds maximum length ({})", kMaxUnitName);
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return "unit name must contain \".\"";
  if (dot + 1 == name.size()) return "unit name cannot end in \".\"";
  const auto type = name.substr(dot + 1);
  if (std::ranges::find(kTypes, type) == kTypes.end()) return std::format("invalid unit type: \"{}\"", type);
  for (const char c : name.substr(0, dot)) {
    if (!is_allowed(c)) return std::format("invalid character {} in unit name", quoted(c));
  }
  if (name.starts_with('@')) return "unit name cannot start in \"@\"";
  if (name.starts_with('.')) return "unit name cannot start in \".\"";
  return std::nullopt;
}

std::string append_default_type(std::string_view argument) {
  std::string result(argument);
  if (!has_recognized_type(result)) result += ".service";
  return result;
}

std::string mangle_unit_name(std::string_view argument) {
  while (argument.size() > 1 && argument.ends_with('/')) argument.remove_suffix(1);
  const auto slash = argument.rfind('/');
  if (slash != std::string_view::npos) argument.remove_prefix(slash + 1);
  return append_default_type(argument);
}

std::string expand_specifiers(std::string_view value, const UnitName& name) {
  std::string result;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char next = value[i] == '%' && i + 1 < value.size() ? value[i + 1] : '\0';
    switch (next) {
      case 'n':
        result += name.full;
        break;
      case 'N':
        result += name.name;
        break;
      case 'p':
        result += name.prefix;
        break;
      case 'i':
        result += name.instance;
        break;
      default:
        result += value[i];
        continue;
    }
    ++i;
  }
  return result;
}

}  // namespace sched
