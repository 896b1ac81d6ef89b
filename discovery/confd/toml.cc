#include "discovery/confd/toml.h"

#include <format>

#include "base/error.h"
#include "base/text.h"
#include "discovery/confd/utf8.h"

namespace discovery::confd {
namespace {

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class TomlParser {
 public:
  TomlParser(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  std::map<std::string, TomlTable, std::less<>> parse() {
    TomlTable* table = &tables_[""];
    for (skip_lines(); !at_end(); skip_lines()) {
      if (peek() == '[') {
        table = &header();
      } else {
        entry(*table);
      }
      end_of_line();
    }
    return std::move(tables_);
  }

 private:
  TomlTable& header() {
    ++at_;
    if (peek() == '[') refuse("arrays of tables are not supported");
    skip_blanks();
    const std::string name = bare_key("a table's name");
    skip_blanks();
    if (peek() == '.') refuse("tables in tables are not supported");
    expect(']', "after the table's name");
    const auto [table, added] = tables_.try_emplace(name);
    if (!added) refuse(std::format("table [{}] stands here a second time", name));
    return table->second;
  }

  void entry(TomlTable& table) {
    const std::string key = bare_key("a key");
    skip_blanks();
    if (peek() == '.') refuse("dotted keys are not supported");
    expect('=', std::format("after key '{}'", key));
    skip_blanks();
    TomlValue value;
    value.line = line_;
    value.value = parse_value();
    if (++entries_ > kMaxTomlEntries) refuse(std::format("more than {} keys", kMaxTomlEntries));
    if (!table.try_emplace(key, std::move(value)).second) refuse(std::format("key '{}' stands here twice", key));
  }

  decltype(TomlValue::value) parse_value() {
    if (peek() == '"' || peek() == '\'') return string();
    if (peek() == '[') return array();
    if (peek() == '{') refuse("inline tables are not supported");
    const std::size_t start = at_;
    while (is_bare(peek()) || peek() == '+' || peek() == '.' || peek() == ':') ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == "true") return true;
    if (word == "false") return false;
    const bool leading_zero = word.size() > 1 && word[0] == '0';
    if (const auto number = base::parse_signed(word); number && !leading_zero) return *number;
    refuse(
        std::format("'{}' is no value: allowed are a string in quotes, an array of strings, a decimal integer, "
                    "true and false",
                    word));
  }

  std::vector<std::string> array() {
    ++at_;
    std::vector<std::string> strings;
    for (skip_lines(); peek() != ']'; skip_lines()) {
      if (at_end()) refuse("the array has no end");
      if (peek() != '"' && peek() != '\'') refuse("an array may hold strings only");
      if (strings.size() >= kMaxTomlEntries) refuse(std::format("more than {} strings", kMaxTomlEntries));
      strings.push_back(string());
      skip_lines();
      if (peek() == ',') {
        ++at_;
      } else if (peek() != ']') {
        refuse("expected ',' or ']' in the array");
      }
    }
    ++at_;
    return strings;
  }

  std::string string() {
    const char quote = text_[at_];
    if (text_.substr(at_, 3) == std::string(3, quote)) refuse("strings over many lines are not supported");
    ++at_;
    std::string out;
    while (peek() != quote) {
      const auto byte = static_cast<unsigned char>(peek());
      if (at_end() || byte == '\n') refuse("the string has no end on its line");
      if ((byte < 0x20 && byte != '\t') || byte == 0x7f) refuse("control character in the string");
      if (byte == '\\' && quote == '"') {
        escape(out);
      } else {
        out += text_[at_++];
      }
    }
    ++at_;
    return out;
  }

  void escape(std::string& out) {
    constexpr std::string_view kNames = "btnfr\"\\";
    constexpr std::string_view kBytes = "\b\t\n\f\r\"\\";
    ++at_;
    const char name = peek();
    if (name == 'u' || name == 'U') {
      const std::string_view digits = text_.substr(at_ + 1, name == 'u' ? 4 : 8);
      if (!append_code_point(out, digits, name == 'u' ? 4 : 8)) refuse("malformed \\u escape in the string");
      at_ += 1 + digits.size();
      return;
    }
    const std::size_t index = at_end() ? std::string_view::npos : kNames.find(name);
    if (index == std::string_view::npos)
      refuse("unknown escape in the string (allowed: \\b \\t \\n \\f \\r \\\" \\\\ \\u \\U)");
    out += kBytes[index];
    ++at_;
  }

  std::string bare_key(std::string_view what) {
    const std::size_t start = at_;
    while (is_bare(peek())) ++at_;
    if (at_ == start) refuse(std::format("expected {} (letters, digits, '_' and '-')", what));
    return std::string(text_.substr(start, at_ - start));
  }

  void end_of_line() {
    skip_blanks();
    if (!at_end() && peek() != '\n' && peek() != '\r' && peek() != '#') refuse("unexpected text after the value");
  }

  void expect(char wanted, std::string_view where) {
    if (peek() != wanted) refuse(std::format("expected '{}' {}", wanted, where));
    ++at_;
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  void skip_lines() {
    for (;; ++at_) {
      if (peek() == '#') {
        while (!at_end() && peek() != '\n') ++at_;
      }
      if (peek() == '\n') {
        ++line_;
      } else if (peek() != ' ' && peek() != '\t' && peek() != '\r') {
        return;
      }
    }
  }

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  [[noreturn]] void refuse(std::string_view reason) const {
    throw base::Error("read", std::format("{}:{}", file_, line_), reason);
  }

  std::string_view text_;
  std::string_view file_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
  std::size_t entries_ = 0;
  std::map<std::string, TomlTable, std::less<>> tables_;
};

}  // namespace

std::map<std::string, TomlTable, std::less<>> parse_toml(std::string_view text, std::string_view file) {
  return TomlParser(text, file).parse();
}

}  // namespace discovery::confd
