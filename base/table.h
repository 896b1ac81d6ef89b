#pragma once
// Aligned columns as Go's text/tabwriter makes them, since fleet's and locksmith's users know that format.

#include <string>
#include <string_view>
#include <vector>

namespace base {

class Table {
 public:
  enum class Padding {
    kTabs,    // tabwriter(minwidth 0, tabwidth 8, padding 1, padchar TAB): fleetctl, locksmithctl
    kSpaces,  // two spaces between columns: everything of our own
  };

  explicit Table(Padding padding = Padding::kSpaces) : padding_(padding) {}

  void add_row(std::vector<std::string> cells);

  // Every row ends in "\n"; the last cell of a row is not padded. Width is counted in UTF-8 code points.
  std::string text() const;

 private:
  Padding padding_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace base
