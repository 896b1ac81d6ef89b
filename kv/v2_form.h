#pragma once
// Query and form parameters by Go's rules (net/http ParseForm): the body of a PUT or POST is read when it is a form,
// its values stand before the query's, and the first value of a name counts.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"

namespace kv {

class V2Form {
 public:
  // Returns Go's error text for a malformed query or body, or "".
  std::string parse(const base::HttpRequest& request);

  bool empty() const { return values_.empty(); }
  bool has(std::string_view name) const { return values_.contains(name); }
  // "" when there is none.
  const std::string& value(std::string_view name) const;

  // Absent: 0 and false. Nothing for text that strconv.ParseUint or ParseBool refuses.
  std::optional<std::uint64_t> number(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;

 private:
  std::string add(std::string_view text);

  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace kv
