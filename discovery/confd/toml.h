#pragma once
// The part of TOML 1.0 (toml.io) that confd's files use: tables, bare keys, strings on one line, arrays of strings,
// decimal integers, booleans. Everything else is refused with file and line. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace discovery::confd {

struct TomlValue {
  std::variant<std::string, std::int64_t, bool, std::vector<std::string>> value;
  unsigned line = 0;
};

using TomlTable = std::map<std::string, TomlValue, std::less<>>;

inline constexpr std::size_t kMaxTomlEntries = 1000;  // keys in a file, strings in an array

// Tables by name; keys before the first header are in table "". Throws base::Error("read", "FILE:LINE", …).
std::map<std::string, TomlTable, std::less<>> parse_toml(std::string_view text, std::string_view file);

}  // namespace discovery::confd
