#include "updater/boot_counter.h"

#include "base/text.h"

namespace updater {
namespace {

constexpr std::string_view kSuffix = ".efi";

std::optional<std::uint32_t> parse_tries(std::string_view text) {
  const auto number = base::parse_unsigned(text);
  if (!number || *number > INT32_MAX) return {};
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::optional<BootEntry> parse_boot_entry(std::string_view file) {
  if (file.size() <= kSuffix.size() || base::lower(file.substr(file.size() - kSuffix.size())) != kSuffix) return {};
  BootEntry entry;
  entry.file = file;
  std::string_view stem = file.substr(0, file.size() - kSuffix.size());

  if (const std::size_t plus = stem.rfind('+'); plus != std::string_view::npos && plus > 0) {
    const std::string_view counter = stem.substr(plus + 1);
    const std::size_t dash = counter.find('-');
    const auto left = parse_tries(counter.substr(0, dash));
    const auto done =
        dash == std::string_view::npos ? std::optional<std::uint32_t>(0) : parse_tries(counter.substr(dash + 1));
    if (left && done) {
      entry.counted = true;
      entry.left = *left;
      entry.done = *done;
      stem = stem.substr(0, plus);
    }
  }
  entry.base = stem;
  if (const std::size_t mark = stem.find('_'); mark != std::string_view::npos) entry.version = stem.substr(mark + 1);
  return entry;
}

}  // namespace updater
