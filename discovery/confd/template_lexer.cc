#include "discovery/confd/template_lexer.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "discovery/confd/utf8.h"

namespace discovery::confd {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) {
  return kBlanks.contains(c);
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  std::vector<Token> run() {
    bool trim = false;  // the action before ended with -}}
    while (true) {
      const std::size_t open = std::min(text_.find("{{", at_), text_.size());
      std::string_view text = text_.substr(at_, open - at_);
      const unsigned line = line_;
      advance_to(open);
      const bool trims_left = text_.substr(at_, 3) == "{{-" && is_blank(char_at(at_ + 3));
      if (trim) text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
      if (trims_left) text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
      if (!text.empty()) tokens_.push_back({Token::Kind::kText, std::string(text), line, false});
      if (at_ >= text_.size()) break;
      advance_to(at_ + (trims_left ? 4 : 2));
      trim = text_.substr(skip_blanks_from(at_), 2) == "/*" ? comment() : action();
    }
    tokens_.push_back({Token::Kind::kEnd, "", line_, false});
    return std::move(tokens_);
  }

 private:
  // Past the comment and its }}; true when it ends with -}}.
  bool comment() {
    if (text_.substr(at_, 2) != "/*") refuse("a comment must begin directly after {{ or {{- ");
    const std::size_t end = text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) refuse("the comment has no end");
    advance_to(end + 2);
    const bool trims = is_blank(char_at(at_)) && text_.substr(at_ + 1, 3) == "-}}";
    if (!trims && text_.substr(at_, 2) != "}}") refuse("a comment must end directly before }} or -}}");
    advance_to(at_ + (trims ? 4 : 2));
    return trims;
  }

  // The tokens up to }}; true when it ends with -}}.
  bool action() {
    tokens_.push_back({Token::Kind::kOpen, "", line_, false});
    const unsigned start = line_;
    while (true) {
      const std::size_t blanks = at_;
      advance_to(skip_blanks_from(at_));
      spaced_ = at_ > blanks;
      if (at_ >= text_.size()) {
        line_ = start;
        refuse("the action has no }}");
      }
      const bool trims = spaced_ && text_.substr(at_, 3) == "-}}";
      if (trims || text_.substr(at_, 2) == "}}") {
        add(Token::Kind::kClose, trims ? 3 : 2);
        return trims;
      }
      token();
    }
  }

  void token() {
    const char c = char_at(at_);
    const char next = char_at(at_ + 1);
    if (c == '"' || c == '`') {
      string(c);
    } else if (c == '\'') {
      refuse("character constants are not supported");
    } else if (c == '.' && is_letter(next)) {
      add(Token::Kind::kField, 1 + word_size(at_ + 1));
    } else if (c == '.' && !is_digit(next)) {
      add(Token::Kind::kDot, 1);
    } else if (c == '$') {
      add(Token::Kind::kVariable, 1 + word_size(at_ + 1));
    } else if (is_letter(c)) {
      add(Token::Kind::kWord, word_size(at_));
    } else if (is_digit(c) || c == '.' || ((c == '-' || c == '+') && (is_digit(next) || next == '.'))) {
      std::size_t size = 1;
      while (is_letter(char_at(at_ + size)) || is_digit(char_at(at_ + size)) || char_at(at_ + size) == '.') ++size;
      add(Token::Kind::kNumber, size);
    } else if (c == ':' && next == '=') {
      add(Token::Kind::kSymbol, 2);
    } else if (std::string_view("()|,=").contains(c)) {
      add(Token::Kind::kSymbol, 1);
    } else {
      refuse(std::format("unexpected character '{}' in an action", c));
    }
  }

  // Go's interpreted ("") and raw (``) strings.
  void string(char quote) {
    const unsigned line = line_;
    std::string value;
    std::size_t at = at_ + 1;
    for (; char_at(at) != quote; ++at) {
      if (at >= text_.size() || (quote == '"' && char_at(at) == '\n')) refuse("the string has no end");
      if (quote == '`' || char_at(at) != '\\') {
        value += char_at(at);
        continue;
      }
      constexpr std::string_view kNames = "abfnrtv\\\"";
      constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\\"";
      const char name = char_at(++at);
      const std::size_t digits = name == 'u' ? 4 : name == 'U' ? 8 : 0;
      if (const std::size_t index = kNames.find(name); index != std::string_view::npos) {
        value += kBytes[index];
      } else if (digits > 0 && append_code_point(value, text_.substr(at + 1, digits), digits)) {
        at += digits;
      } else {
        refuse(std::format("unknown escape '\\{}' in the string", name));
      }
    }
    advance_to(at + 1);
    tokens_.push_back({Token::Kind::kString, std::move(value), line, spaced_});
  }

  void add(Token::Kind kind, std::size_t size) {
    tokens_.push_back({kind, std::string(text_.substr(at_, size)), line_, spaced_});
    advance_to(at_ + size);
  }

  std::size_t word_size(std::size_t at) const {
    std::size_t size = 0;
    while (is_letter(char_at(at + size)) || is_digit(char_at(at + size))) ++size;
    return size;
  }

  std::size_t skip_blanks_from(std::size_t at) const {
    return std::min(text_.find_first_not_of(kBlanks, at), text_.size());
  }
  char char_at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  void advance_to(std::size_t at) {
    at = std::min(at, text_.size());
    line_ += static_cast<unsigned>(std::ranges::count(text_.substr(at_, at - at_), '\n'));
    at_ = at;
  }

  [[noreturn]] void refuse(std::string_view reason) const {
    throw base::Error("parse", std::format("{}:{}", name_, line_), reason);
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
  bool spaced_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex_template(std::string_view text, std::string_view name) {
  return Lexer(text, name).run();
}

}  // namespace discovery::confd
