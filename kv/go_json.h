#pragma once
// JSON as Go's encoding/json reads it, for bodies whose errors are answered in its words.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace kv {

// Where the first value of a text ends, or Go's words for what is wrong with it.
struct JsonScan {
  std::size_t end = 0;  // after the first value
  std::string error;    // "": the first value is complete
};
JsonScan scan_json(std::string_view text);

// json.Unmarshal's syntax error for a text that must be one value: "unexpected end of JSON input", "invalid character
// 'x' looking for beginning of value" …; "" for none.
std::string json_syntax_error(std::string_view text);

// json.Decoder.Decode: the first value; what follows is ignored. Nothing for a syntax error, or for what
// base::parse_json refuses to read.
std::optional<base::Json> decode_first_json(std::string_view text);

// The fields of a Go struct take members of any case; `null` leaves a field as it is. The functions return false when
// the JSON has another type.
bool is_field(std::string_view member, std::string_view field);
bool read_string(const base::Json& json, std::string& out);
// null becomes nothing, which is not the same as an empty list.
bool read_strings(const base::Json& json, std::optional<std::vector<std::string>>& out);

}  // namespace kv
