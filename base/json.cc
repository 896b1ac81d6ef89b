#include "base/json.h"

#include <format>

#include "base/error.h"

namespace base {
namespace {

// Nesting is checked before parsing, as the parser's own recursion on destruction is unbounded.
void check_depth(std::string_view text, std::string_view where, std::size_t max_depth) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth) throw Error("parse JSON", where, std::format("nested deeper than {}", max_depth));
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
}

std::string position(std::string_view text, std::size_t byte) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i + 1 < byte && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return std::format("line {}, column {}", line, column);
}

[[noreturn]] void wrong_type(std::string_view member, std::string_view expected, const Json& found) {
  throw Error("read JSON member", member, std::format("want {}, got {}", expected, found.type_name()));
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where, std::size_t max_bytes, std::size_t max_depth) {
  if (text.size() > max_bytes) throw Error("parse JSON", where, std::format("larger than {} bytes", max_bytes));
  check_depth(text, where, max_depth);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    // The library's text is "[json.exception…] parse error at line 1, column 2: <reason>".
    const std::string_view what = error.what();
    const auto reason = what.find(": ");
    throw Error("parse JSON", where,
                std::format("{}: {}", position(text, error.byte),
                            reason == std::string_view::npos ? what : what.substr(reason + 2)));
  } catch (const Json::out_of_range& error) {
    // A number beyond a double's range, as 1e999: "[json.exception.out_of_range.406] number overflow parsing '1e999'".
    const std::string_view what = error.what();
    throw Error("parse JSON", where, what.substr(std::min(what.find("] ") + 2, what.size())));
  }
}

std::string json_string(const Json& object, std::string_view member, std::string_view fallback) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return std::string(fallback);
  if (!found->is_string()) wrong_type(member, "string", *found);
  return found->get<std::string>();
}

std::int64_t json_integer(const Json& object, std::string_view member, std::int64_t fallback) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_number_integer()) wrong_type(member, "integer", *found);
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX) {
    throw Error("read JSON member", member, "number is too large");
  }
  return found->get<std::int64_t>();
}

bool json_bool(const Json& object, std::string_view member, bool fallback) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_boolean()) wrong_type(member, "boolean", *found);
  return found->get<bool>();
}

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace base
