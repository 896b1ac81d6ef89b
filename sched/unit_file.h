#pragma once
// A systemd unit file (systemd.syntax(7)) as fleet sees it: a list of options in their order. Comments and blank lines
// are not kept; a continued line keeps its backslash and newline. Two files with the same options are the same unit.

#include <string>
#include <string_view>
#include <vector>

namespace sched {

inline constexpr std::size_t kMaxUnitBytes = 512 * 1024;

struct UnitOption {
  std::string section;
  std::string name;
  std::string value;
  bool operator==(const UnitOption&) const = default;
};

class UnitFile {
 public:
  UnitFile() = default;
  explicit UnitFile(std::vector<UnitOption> options) : options_(std::move(options)) {}

  // Throws base::Error("parse unit file", where, "line N: …"). Lines before the first section are ignored.
  static UnitFile parse(std::string_view text, std::string_view where);

  const std::vector<UnitOption>& options() const { return options_; }
  // All values of an option in their order.
  std::vector<std::string> values(std::string_view section, std::string_view name) const;
  bool has_section(std::string_view section) const;
  std::string description() const;  // first [Unit] Description=, or ""

  // The text that fleet hashes, stores and writes to disk: options grouped by section in the order of first sight, a
  // blank line between sections.
  std::string serialize() const;
  std::string hash() const;  // SHA-1 of serialize(), 40 hexadecimal digits

 private:
  std::vector<UnitOption> options_;
};

// [X-Fleet] values may be several quoted ones: `"a=b" "c=d"`. Anything else is one value as it stands.
std::vector<std::string> split_multivalue(std::string_view line);

}  // namespace sched
