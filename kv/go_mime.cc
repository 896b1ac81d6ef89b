#include "kv/go_mime.h"

#include <optional>
#include <set>

#include "base/text.h"

namespace kv {

namespace {

constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";

bool is_token_char(char c) {
  return c > 0x20 && c < 0x7f && !kSpecials.contains(c);
}

std::string_view take_token(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_token_char(text[end])) ++end;
  std::string_view token = text.substr(0, end);
  text.remove_prefix(end);
  return token;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
}

// A token or a quoted string; false when there is neither.
bool skip_value(std::string_view& text) {
  if (!text.starts_with('"')) return !take_token(text).empty();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    bool escapes = text[i] == '\\' && i + 1 < text.size() && kSpecials.contains(text[i + 1]);
    if (escapes) ++i;
  }
  return false;
}

// `; name=value`: the name, or nothing when it is not well written (then `text` stays).
std::optional<std::string> take_parameter(std::string_view& text) {
  std::string_view rest = text;
  skip_blanks(rest);
  if (!rest.starts_with(';')) return std::nullopt;
  rest.remove_prefix(1);
  skip_blanks(rest);
  std::string name = base::lower(take_token(rest));
  skip_blanks(rest);
  if (name.empty() || !rest.starts_with('=')) return std::nullopt;
  rest.remove_prefix(1);
  skip_blanks(rest);
  if (!skip_value(rest)) return std::nullopt;
  text = rest;
  return name;
}

std::string type_error(std::string_view type) {
  if (take_token(type).empty()) return "mime: no media type";
  if (type.empty()) return "";
  if (!type.starts_with('/')) return "mime: expected slash after first token";
  type.remove_prefix(1);
  if (take_token(type).empty()) return "mime: expected token after slash";
  return type.empty() ? "" : "mime: unexpected content after media subtype";
}

}  // namespace

MediaType parse_media_type(std::string_view text) {
  std::size_t end = std::min(text.find(';'), text.size());
  MediaType type{base::lower(base::trim(text.substr(0, end))), ""};
  type.error = type_error(type.name);
  if (!type.error.empty()) return {"", type.error};
  std::set<std::string> names;
  for (text.remove_prefix(end); skip_blanks(text), !text.empty();) {
    std::optional<std::string> name = take_parameter(text);
    if (!name) {
      if (base::trim(text) != ";") type.error = "mime: invalid media parameter";
      return type;
    }
    if (!names.insert(*name).second) return {"", "mime: duplicate parameter name"};
  }
  return type;
}

}  // namespace kv
