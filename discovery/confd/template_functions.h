#pragma once
// The functions of templates: Go's own that are supported, and confd's.

#include <string>
#include <string_view>
#include <vector>

#include "discovery/confd/template.h"
#include "discovery/confd/value.h"

namespace discovery::confd {

inline constexpr std::size_t kAnyArguments = SIZE_MAX;

using Arguments = std::vector<Value>;

struct Function {
  std::string_view name;
  std::size_t least = 0;  // arguments, the piped one counted
  std::size_t most = 0;
  // Throws base::Error with the reason alone. Null for `and` and `or`, which do not evaluate all of their arguments.
  Value (*run)(const Arguments& arguments, const Scope& scope) = nullptr;
  bool scans = false;  // looks at every key
};

const Function* find_function(std::string_view name);  // nullptr: there is none
std::vector<std::string> function_names();

// Field of a pair (Key, Value) or a map; nil for a map without it. Throws base::Error with the reason alone.
Value field_of(const Value& value, const std::string& name);

// Go's fmt.Sprintf with %s %d %v %q %% and no flags. Throws base::Error for others and for arguments that do not fit.
std::string format_text(std::string_view format, const Arguments& arguments, std::size_t first);

}  // namespace discovery::confd
