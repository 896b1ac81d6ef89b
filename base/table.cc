#include "base/table.h"

#include <algorithm>

namespace base {
namespace {

constexpr std::size_t kTabWidth = 8;

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  // A column's cells are those that another cell follows in their row, as in text/tabwriter.
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 == row.size()) break;
      const std::size_t used = display_width(row[i]);
      if (padding_ == Padding::kSpaces) {
        out.append(widths[i] + 2 - used, ' ');
      } else {
        // tabwriter: the cell's width plus padding 1, rounded up to a tab stop, filled with tabs.
        const std::size_t target = (widths[i] + 1 + kTabWidth - 1) / kTabWidth * kTabWidth;
        out.append((target - used + kTabWidth - 1) / kTabWidth, '\t');
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace base
