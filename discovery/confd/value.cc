#include "discovery/confd/value.h"

#include <charconv>
#include <cmath>
#include <format>

namespace discovery::confd {
namespace {

// %v of a float64: the shortest digits that give the number back, with an exponent below 1e-4 and from 1e21 on.
std::string real_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Inf" : "+Inf";
  const double size = std::fabs(number);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e21);
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), number,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer, result.ptr};
}

}  // namespace

const List* Value::list() const {
  const auto* shared = std::get_if<std::shared_ptr<const List>>(&data_);
  return shared == nullptr ? nullptr : shared->get();
}

const Map* Value::map() const {
  const auto* shared = std::get_if<std::shared_ptr<const Map>>(&data_);
  return shared == nullptr ? nullptr : shared->get();
}

bool Value::truth() const {
  if (is_nil()) return false;
  if (boolean() != nullptr) return *boolean();
  if (integer() != nullptr) return *integer() != 0;
  if (real() != nullptr) return *real() != 0;
  if (string() != nullptr) return !string()->empty();
  if (list() != nullptr) return !list()->empty();
  if (map() != nullptr) return !map()->empty();
  return true;
}

std::string Value::text() const {
  if (boolean() != nullptr) return *boolean() ? "true" : "false";
  if (integer() != nullptr) return std::to_string(*integer());
  if (real() != nullptr) return real_text(*real());
  if (string() != nullptr) return *string();
  if (pair() != nullptr) return std::format("{{{} {}}}", pair()->key, pair()->value);
  const auto member = [](const Value& value) { return value.is_nil() ? std::string("<nil>") : value.text(); };
  std::string out;
  if (list() != nullptr) {
    for (const Value& value : *list()) out += (out.empty() ? "" : " ") + member(value);
    return "[" + out + "]";
  }
  if (map() != nullptr) {
    for (const auto& [key, value] : *map()) out += (out.empty() ? "" : " ") + key + ":" + member(value);
    return "map[" + out + "]";
  }
  return "<no value>";
}

std::string_view Value::type() const {
  static constexpr std::string_view kNames[] = {"nil", "bool", "int", "float", "string", "pair", "list", "map"};
  return kNames[data_.index()];
}

std::size_t Value::weight() const {
  if (string() != nullptr) return string()->size();
  if (pair() != nullptr) return pair()->key.size() + pair()->value.size();
  return 0;
}

Value from_json(const base::Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) {
    List list;
    for (const base::Json& element : json) list.push_back(from_json(element));
    return Value(std::move(list));
  }
  if (json.is_object()) {
    Map map;
    for (const auto& [key, element] : json.items()) map.insert_or_assign(key, from_json(element));
    return Value(std::move(map));
  }
  return {};
}

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\"\\";
    constexpr std::string_view kNames = "abfnrtv\"\\";
    if (const std::size_t index = kBytes.find(c); index != std::string_view::npos) {
      out += '\\';
      out += kNames[index];
    } else if (byte < 0x20 || byte == 0x7f) {
      out += std::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace discovery::confd
