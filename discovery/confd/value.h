#pragma once
// What template expressions work with: Go's nil, bool, int, float64, string, []T, map[string]T, and memkv's KVPair.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"

namespace discovery::confd {

class Value;
using List = std::vector<Value>;
using Map = std::map<std::string, Value, std::less<>>;

// .Key and .Value of `get` and `gets`.
struct Pair {
  std::string key;
  std::string value;
};

// Lists and maps are shared and never changed, so that copies are cheap.
class Value {
 public:
  Value() = default;  // nil
  explicit Value(bool value) : data_(value) {}
  explicit Value(std::int64_t value) : data_(value) {}
  explicit Value(double value) : data_(value) {}
  explicit Value(std::string value) : data_(std::move(value)) {}
  explicit Value(Pair value) : data_(std::move(value)) {}
  explicit Value(List value) : data_(std::make_shared<const List>(std::move(value))) {}
  explicit Value(Map value) : data_(std::make_shared<const Map>(std::move(value))) {}

  bool is_nil() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const std::string* string() const { return std::get_if<std::string>(&data_); }
  const Pair* pair() const { return std::get_if<Pair>(&data_); }
  const List* list() const;  // nullptr when it is something else
  const Map* map() const;

  // False for nil, false, 0, "" and what is empty (text/template, "Actions").
  bool truth() const;
  // As Go's %v prints it; nil is "<no value>".
  std::string text() const;
  // "string", "int", "list", … for messages.
  std::string_view type() const;
  // Bytes that a copy of its text takes, for the budget; 0 for what is small or shared.
  std::size_t weight() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Pair, std::shared_ptr<const List>,
               std::shared_ptr<const Map>>
      data_;
};

// As encoding/json fills an interface{}: numbers are float64. Depth is bounded by the parser of `json`.
Value from_json(const base::Json& json);

// Go's strconv.Quote (%q) for valid UTF-8.
std::string go_quoted(std::string_view text);

}  // namespace discovery::confd
