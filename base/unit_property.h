#pragma once
// A property of a unit for StartTransientUnit and SetUnitProperties (org.freedesktop.systemd1(5)): its name and a value
// of one of the D-Bus types that properties have.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace base {

struct UnitProperty {
  using Bytes = std::vector<std::uint8_t>;                             // ay
  using Texts = std::vector<std::string>;                              // as
  using TextPairs = std::vector<std::pair<std::string, std::string>>;  // a(ss)
  using Value = std::variant<bool, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, std::string, Bytes, Texts,
                             TextPairs>;

  std::string name;
  Value value;

  bool operator==(const UnitProperty&) const = default;
};

// A scope to be made around running processes (systemd.scope(5)).
struct ScopeRequest {
  std::string name;   // "web.scope"
  std::string slice;  // "machine.slice"
  std::string description;
  std::vector<int> pids;
  std::vector<UnitProperty> properties = {};  // beside these, and Delegate=yes
};

}  // namespace base
