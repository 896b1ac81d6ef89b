#include <algorithm>
#include <array>

#include "base/text.h"
#include "bootstrap/parse_parts.h"

namespace bootstrap {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr std::array<std::string_view, 14> kUnitTypes{"service", "socket", "device",  "mount", "automount",
                                                      "swap",    "target", "path",    "timer", "slice",
                                                      "scope",   "netdev", "network", "link"};

}  // namespace

bool is_valid_hostname(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (const auto& label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; })) return false;
  }
  return true;
}

bool is_valid_user_name(std::string_view name) {
  if (name.empty() || name.size() > 32 || !(is_letter(name.front()) || name.front() == '_')) return false;
  return std::ranges::all_of(name,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_valid_unit_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (name.size() > 255 || dot == std::string_view::npos || dot == 0) return false;
  if (!std::ranges::contains(kUnitTypes, name.substr(dot + 1))) return false;
  return std::ranges::all_of(name, [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  });
}

bool is_valid_field(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return c == ':' || static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

std::string normal_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) return "";
  std::vector<std::string> parts;
  for (auto& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + base::join(parts, "/");
}

}  // namespace bootstrap
