// The grammar is that of go-systemd's unit package, which fleet hashed units with: what it accepts and how it trims
// decides the hash, so the two must agree to the byte. Its limit of 2048 bytes a line is not kept: systemd reads lines
// of up to 1 MiB since version 235.
#include "sched/unit_file.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

namespace sched {
namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string_view where) : rest_(text), where_(where) {}

  std::vector<UnitOption> run() {
    while (!rest_.empty()) {
      const auto first = rest_.front();
      if (first == '[') {
        section_header();
      } else if (first == '#' || first == ';') {
        skip_comment();
      } else if (!in_section_ || base::trim(rest_.substr(0, 1)).empty()) {
        take(1);
      } else {
        option();
      }
    }
    return std::move(options_);
  }

 private:
  [[noreturn]] void fail(std::size_t line, std::string_view reason) const {
    throw base::Error("parse unit file", where_, std::format("line {}: {}", line, reason));
  }

  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    line_ += static_cast<std::size_t>(std::ranges::count(taken, '\n'));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  // Up to the end of the line or file, without the newline.
  std::string_view take_line() {
    const auto newline = rest_.find('\n');
    auto text = take(newline == std::string_view::npos ? rest_.size() : newline + 1);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

  void section_header() {
    const auto line = line_;
    const auto header = take_line();
    const auto end = header.find(']');
    if (end == std::string_view::npos) fail(line, "unable to find end of section");
    const auto garbage = base::trim(header.substr(end + 1));
    section_ = header.substr(1, end - 1);
    if (!garbage.empty()) fail(line, std::format("found garbage after section name {}: \"{}\"", section_, garbage));
    in_section_ = true;
  }

  void skip_comment() {
    for (;;) {
      auto text = take_line();
      if (text.ends_with(' ')) text.remove_suffix(1);
      if (!text.ends_with('\\') || rest_.empty()) return;
    }
  }

  void option() {
    const auto line = line_;
    const auto equals = rest_.find_first_of("=\r\n");
    if (equals == std::string_view::npos || rest_[equals] != '=')
      fail(line, "expected NAME=VALUE, found a line without '='");
    const std::string name(base::trim(take(equals)));
    take(1);

    std::string value;
    for (;;) {
      const auto text = take_line();
      if (base::trim(text).empty()) break;
      value += text;
      if (!text.ends_with('\\')) break;
      if (rest_.empty()) break;
      value += '\n';
    }
    const bool open_end = value.ends_with('\n');
    value = std::string(base::trim(value));
    if (open_end) value += '\n';
    options_.push_back({section_, name, value});
  }

  std::string_view rest_;
  std::string_view where_;
  std::size_t line_ = 1;
  bool in_section_ = false;
  std::string section_;
  std::vector<UnitOption> options_;
};

}  // namespace

UnitFile UnitFile::parse(std::string_view text, std::string_view where) {
  if (text.size() > kMaxUnitBytes)
    throw base::Error("parse unit file", where,
                      std::format("{} bytes, at most {} are allowed", text.size(), kMaxUnitBytes));
  if (text.contains('\0')) throw base::Error("parse unit file", where, "it contains a NUL byte");
  if (!base::is_valid_utf8(text)) throw base::Error("parse unit file", where, "it is not UTF-8 text");
  return UnitFile(Parser(text, where).run());
}

std::vector<std::string> UnitFile::values(std::string_view section, std::string_view name) const {
  std::vector<std::string> result;
  for (const auto& option : options_) {
    if (option.section == section && option.name == name) result.push_back(option.value);
  }
  return result;
}

bool UnitFile::has_section(std::string_view section) const {
  return std::ranges::any_of(options_, [&](const UnitOption& option) { return option.section == section; });
}

std::string UnitFile::description() const {
  const auto descriptions = values("Unit", "Description");
  return descriptions.empty() ? "" : descriptions.front();
}

std::string UnitFile::serialize() const {
  std::vector<std::string_view> sections;
  for (const auto& option : options_) {
    if (std::ranges::find(sections, option.section) == sections.end()) sections.push_back(option.section);
  }
  std::string text;
  for (const auto section : sections) {
    if (!text.empty()) text += '\n';
    text += std::format("[{}]\n", section);
    for (const auto& option : options_) {
      if (option.section == section) text += std::format("{}={}\n", option.name, option.value);
    }
  }
  return text;
}

std::string UnitFile::hash() const {
  return base::sha1_hex(serialize());
}

std::vector<std::string> split_multivalue(std::string_view line) {
  if (!line.starts_with('"') || !line.ends_with('"')) return {std::string(line)};
  std::vector<std::string> values;
  std::string value;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      values.push_back(std::exchange(value, {}));
    } else {
      value += c;
    }
  }
  values.push_back(value);
  return values;
}

}  // namespace sched
