#include "discovery/confd/template_functions.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace discovery::confd {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw base::Error("", "", reason);
}

const std::string& text_at(const Arguments& arguments, std::size_t index) {
  const std::string* text = arguments[index].string();
  if (text == nullptr) refuse(std::format("argument {} must be a string, not {}", index + 1, arguments[index].type()));
  return *text;
}

std::int64_t integer_at(const Arguments& arguments, std::size_t index) {
  const std::int64_t* number = arguments[index].integer();
  if (number == nullptr)
    refuse(std::format("argument {} must be an integer, not {}", index + 1, arguments[index].type()));
  return *number;
}

Value strings(std::vector<std::string> texts) {
  List list;
  for (std::string& text : texts) list.emplace_back(std::move(text));
  return Value(std::move(list));
}

// --- keys (memkv)

Value exists(const Arguments& a, const Scope& scope) {
  return Value(scope.keys.get(text_at(a, 0)) != nullptr);
}

Value get(const Arguments& a, const Scope& scope) {
  const std::string& key = text_at(a, 0);
  const std::string* value = scope.keys.get(key);
  if (value == nullptr) refuse("key does not exist: " + key);
  return Value(Pair{key, *value});
}

Value getv(const Arguments& a, const Scope& scope) {
  const std::string& key = text_at(a, 0);
  if (const std::string* value = scope.keys.get(key)) return Value(*value);
  if (a.size() == 1) refuse("key does not exist: " + key);
  return Value(text_at(a, 1));
}

Value gets(const Arguments& a, const Scope& scope) {
  List list;
  for (Pair& pair : scope.keys.gets(text_at(a, 0))) list.emplace_back(std::move(pair));
  return Value(std::move(list));
}

Value getvs(const Arguments& a, const Scope& scope) {
  std::vector<std::string> values;
  for (Pair& pair : scope.keys.gets(text_at(a, 0))) values.push_back(std::move(pair.value));
  std::ranges::sort(values);  // as memkv does: by value, not by key
  return strings(std::move(values));
}

Value ls(const Arguments& a, const Scope& scope) {
  return strings(scope.keys.ls(text_at(a, 0)));
}
Value lsdir(const Arguments& a, const Scope& scope) {
  return strings(scope.keys.lsdir(text_at(a, 0)));
}

Value getenv(const Arguments& a, const Scope& scope) {
  const std::string& name = text_at(a, 0);
  const auto value = scope.environment ? scope.environment(name) : std::nullopt;
  if (value && !value->empty()) return Value(*value);
  return Value(a.size() > 1 ? text_at(a, 1) : std::string());
}

// --- strings

// Go's path.Base and path.Dir.
Value base_name(const Arguments& a, const Scope&) {
  std::string path = text_at(a, 0);
  if (path.empty()) return Value(std::string("."));
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return Value(path == "/" ? path : path.substr(path.rfind('/') + 1));
}

Value dir_name(const Arguments& a, const Scope&) {
  const std::string& path = text_at(a, 0);
  const bool rooted = path.starts_with('/');
  std::vector<std::string> parts;
  for (std::string& part : base::split(path.substr(0, path.rfind('/') + 1), '/')) {
    if (part.empty() || part == ".") continue;
    const bool climbs = part == "..";
    if (climbs && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!climbs || !rooted) {
      parts.push_back(std::move(part));
    }
  }
  const std::string clean = (rooted ? "/" : "") + base::join(parts, "/");
  return Value(clean.empty() ? std::string(".") : clean);
}

Value split(const Arguments& a, const Scope&) {
  const std::string& text = text_at(a, 0);
  const std::string& separator = text_at(a, 1);
  if (separator.empty()) refuse("the separator is empty");
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    parts.push_back(text.substr(at, end - at));
  }
  parts.push_back(text.substr(at));
  return strings(std::move(parts));
}

Value join(const Arguments& a, const Scope&) {
  const List* list = a[0].list();
  if (list == nullptr) refuse(std::format("argument 1 must be a list, not {}", a[0].type()));
  const std::string& separator = text_at(a, 1);
  std::string out;
  for (const Value& part : *list) {
    if (part.string() == nullptr) refuse(std::format("the list must hold strings, not {}", part.type()));
    if (&part != &list->front()) out += separator;
    out += *part.string();
    if (out.size() > kMaxOutputBytes) refuse(std::format("the text is longer than {} bytes", kMaxOutputBytes));
  }
  return Value(std::move(out));
}

template <char kFirst, char kLast>
std::string shifted(std::string text, int by) {
  for (char& c : text) {
    if (c >= kFirst && c <= kLast) c = static_cast<char>(c + by);
  }
  return text;
}

Value to_upper(const Arguments& a, const Scope&) {
  return Value(shifted<'a', 'z'>(text_at(a, 0), 'A' - 'a'));
}
Value to_lower(const Arguments& a, const Scope&) {
  return Value(shifted<'A', 'Z'>(text_at(a, 0), 'a' - 'A'));
}
Value contains(const Arguments& a, const Scope&) {
  return Value(text_at(a, 0).contains(text_at(a, 1)));
}

Value replace(const Arguments& a, const Scope&) {
  const std::string& text = text_at(a, 0);
  const std::string& from = text_at(a, 1);
  const std::string& to = text_at(a, 2);
  std::int64_t left = integer_at(a, 3);  // negative: all
  if (from.empty()) refuse("the text to replace is empty");
  std::string out;
  std::size_t at = 0;
  for (std::size_t found; left != 0 && (found = text.find(from, at)) != std::string::npos; --left) {
    out.append(text, at, found - at).append(to);
    at = found + from.size();
    if (out.size() > kMaxOutputBytes) refuse(std::format("the text is longer than {} bytes", kMaxOutputBytes));
  }
  return Value(out.append(text, at));
}

Value trim_suffix(const Arguments& a, const Scope&) {
  const std::string& text = text_at(a, 0);
  return Value(text.substr(0, text.size() - (text.ends_with(text_at(a, 1)) ? text_at(a, 1).size() : 0)));
}

Value json(const Arguments& a, const Scope&) {
  const base::Json value = base::parse_json(text_at(a, 0), "the value");
  if (!value.is_object()) refuse("the value is no JSON object");
  return from_json(value);
}

Value json_array(const Arguments& a, const Scope&) {
  const base::Json value = base::parse_json(text_at(a, 0), "the value");
  if (!value.is_array()) refuse("the value is no JSON array");
  return from_json(value);
}

Value printf(const Arguments& a, const Scope&) {
  return Value(format_text(text_at(a, 0), a, 1));
}

// --- Go's own

Value len(const Arguments& a, const Scope&) {
  const auto size = [](std::size_t count) { return Value(static_cast<std::int64_t>(count)); };
  if (a[0].string() != nullptr) return size(a[0].string()->size());
  if (a[0].list() != nullptr) return size(a[0].list()->size());
  if (a[0].map() != nullptr) return size(a[0].map()->size());
  refuse(std::format("{} has no length", a[0].type()));
}

Value index(const Arguments& a, const Scope&) {
  Value at = a[0];
  for (std::size_t i = 1; i < a.size(); ++i) {
    if (at.map() != nullptr) {
      const Map& map = *at.map();
      const auto found = map.find(text_at(a, i));
      at = found == map.end() ? Value() : Value(found->second);
      continue;
    }
    if (at.list() == nullptr) refuse(std::format("{} has no index", at.type()));
    const std::int64_t place = integer_at(a, i);
    if (place < 0 || static_cast<std::size_t>(place) >= at.list()->size()) {
      refuse(std::format("index {} is out of range: the list has {}", place, at.list()->size()));
    }
    at = Value((*at.list())[static_cast<std::size_t>(place)]);
  }
  return at;
}

Value logical_not(const Arguments& a, const Scope&) {
  return Value(!a[0].truth());
}

// Values of one basic type; -1, 0 or 1. Go: "incompatible types for comparison".
int compare(const Value& x, const Value& y, bool ordered) {
  const auto order = [](const auto& left, const auto& right) { return left < right ? -1 : right < left ? 1 : 0; };
  if (x.string() != nullptr && y.string() != nullptr) return order(*x.string(), *y.string());
  if (x.integer() != nullptr && y.integer() != nullptr) return order(*x.integer(), *y.integer());
  if (x.real() != nullptr && y.real() != nullptr) return order(*x.real(), *y.real());
  if (!ordered && x.boolean() != nullptr && y.boolean() != nullptr) return order(*x.boolean(), *y.boolean());
  if (!ordered && x.is_nil() && y.is_nil()) return 0;
  refuse(std::format("{} and {} cannot be compared", x.type(), y.type()));
}

Value eq(const Arguments& a, const Scope&) {
  return Value(
      std::any_of(a.begin() + 1, a.end(), [&](const Value& other) { return compare(a[0], other, false) == 0; }));
}
Value ne(const Arguments& a, const Scope&) {
  return Value(compare(a[0], a[1], false) != 0);
}
Value lt(const Arguments& a, const Scope&) {
  return Value(compare(a[0], a[1], true) < 0);
}
Value le(const Arguments& a, const Scope&) {
  return Value(compare(a[0], a[1], true) <= 0);
}
Value gt(const Arguments& a, const Scope&) {
  return Value(compare(a[0], a[1], true) > 0);
}
Value ge(const Arguments& a, const Scope&) {
  return Value(compare(a[0], a[1], true) >= 0);
}

constexpr auto kFunctions = std::to_array<Function>({
    {"exists", 1, 1, exists},
    {"get", 1, 1, get},
    {"gets", 1, 1, gets, true},
    {"getv", 1, 2, getv},
    {"getvs", 1, 1, getvs, true},
    {"ls", 1, 1, ls, true},
    {"lsdir", 1, 1, lsdir, true},
    {"getenv", 1, 2, getenv},
    {"base", 1, 1, base_name},
    {"dir", 1, 1, dir_name},
    {"split", 2, 2, split},
    {"join", 2, 2, join},
    {"toUpper", 1, 1, to_upper},
    {"toLower", 1, 1, to_lower},
    {"contains", 2, 2, contains},
    {"replace", 4, 4, replace},
    {"trimSuffix", 2, 2, trim_suffix},
    {"json", 1, 1, json},
    {"jsonArray", 1, 1, json_array},
    {"printf", 1, kAnyArguments, printf},
    {"len", 1, 1, len},
    {"index", 1, kAnyArguments, index},
    {"not", 1, 1, logical_not},
    {"and", 1, kAnyArguments, nullptr},
    {"or", 1, kAnyArguments, nullptr},
    {"eq", 2, kAnyArguments, eq},
    {"ne", 2, 2, ne},
    {"lt", 2, 2, lt},
    {"le", 2, 2, le},
    {"gt", 2, 2, gt},
    {"ge", 2, 2, ge},
});

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* const found = std::ranges::find(kFunctions, name, &Function::name);
  return found == kFunctions.end() ? nullptr : found;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Function& function : kFunctions) names.emplace_back(function.name);
  return names;
}

Value field_of(const Value& value, const std::string& name) {
  if (value.map() != nullptr) {
    const auto found = value.map()->find(name);
    return found == value.map()->end() ? Value() : found->second;
  }
  if (value.pair() == nullptr) refuse(std::format("{} has no field '{}'", value.type(), name));
  if (name == "Key") return Value(value.pair()->key);
  if (name == "Value") return Value(value.pair()->value);
  refuse(std::format("a pair has no field '{}' (allowed: Key, Value)", name));
}

std::string format_text(std::string_view format, const Arguments& arguments, std::size_t first) {
  std::string out;
  std::size_t next = first;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (out.size() > kMaxOutputBytes) refuse(std::format("the text is longer than {} bytes", kMaxOutputBytes));
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    const char verb = ++at < format.size() ? format[at] : '\0';
    if (verb == '%') {
      out += '%';
      continue;
    }
    if (!std::string_view("sdvq").contains(verb) || verb == '\0') {
      refuse(std::format("'%{}' is not supported (allowed: %s %d %v %q %%)", verb == '\0' ? ' ' : verb));
    }
    if (next >= arguments.size()) refuse(std::format("'%{}' has no argument", verb));
    const Value& value = arguments[next++];
    if (verb == 'd') {
      out += std::to_string(integer_at(arguments, next - 1));
    } else if (verb == 'q') {
      out += go_quoted(text_at(arguments, next - 1));
    } else if (verb == 's' && (value.integer() != nullptr || value.real() != nullptr || value.boolean() != nullptr)) {
      refuse(std::format("'%s' does not fit {} (use %v)", value.type()));
    } else {
      out += value.text();
    }
  }
  if (next < arguments.size()) refuse(std::format("{} arguments too many", arguments.size() - next));
  return out;
}

}  // namespace discovery::confd
