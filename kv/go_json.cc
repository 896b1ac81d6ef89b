// The automaton of Go's scanner (encoding/json/scanner.go) as a recursive descent: it stops at the same byte with the
// same words.

#include "kv/go_json.h"

#include <format>

#include "base/error.h"
#include "base/text.h"

namespace kv {

namespace {

constexpr int kMaxDepth = 1'000;  // Go: 10,000, but not on a stack of fixed size
constexpr std::string_view kTooShort = "unexpected end of JSON input";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// strconv.Quote of the byte as a character, in single quotes.
std::string quoted(char c) {
  auto byte = static_cast<unsigned char>(c);
  switch (c) {
    case '\'':
      return R"('\'')";
    case '\\':
      return R"('\\')";
    case '\a':
      return R"('\a')";
    case '\b':
      return R"('\b')";
    case '\f':
      return R"('\f')";
    case '\n':
      return R"('\n')";
    case '\r':
      return R"('\r')";
    case '\t':
      return R"('\t')";
    case '\v':
      return R"('\v')";
    default:
      break;
  }
  if (byte < 0x20 || byte == 0x7f) return std::format("'\\x{:02x}'", byte);
  if (byte < 0x80) return std::format("'{}'", c);
  if (byte <= 0xa0 || byte == 0xad) return std::format("'\\u{:04x}'", byte);
  std::string utf8{static_cast<char>(0xc0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))};
  return "'" + utf8 + "'";
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool value(int depth) {
    skip_spaces();
    if (at_end()) return fail(kTooShort);
    switch (text_[at_]) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return string();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        if (text_[at_] == '-' || is_digit(text_[at_])) return number();
        return wrong("looking for beginning of value");
    }
  }

  bool rest_is_blank() {
    skip_spaces();
    return at_end() || wrong("after top-level value");
  }

  std::size_t position() const { return at_; }
  std::string take_error() { return std::move(error_); }

 private:
  bool at_end() const { return at_ == text_.size(); }
  void skip_spaces() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }
  bool fail(std::string_view error) {
    error_ = error;
    return false;
  }
  bool wrong(std::string_view where) {
    if (at_end()) return fail(kTooShort);
    return fail(std::format("invalid character {} {}", quoted(text_[at_]), where));
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool object(int depth) {
    if (depth > kMaxDepth) return fail("exceeded max depth");
    ++at_;
    skip_spaces();
    if (take('}')) return true;
    while (true) {
      skip_spaces();
      if (at_end() || text_[at_] != '"') return wrong("looking for beginning of object key string");
      if (!string()) return false;
      skip_spaces();
      if (!take(':')) return wrong("after object key");
      if (!value(depth)) return false;
      skip_spaces();
      if (take('}')) return true;
      if (!take(',')) return wrong("after object key:value pair");
    }
  }

  bool array(int depth) {
    if (depth > kMaxDepth) return fail("exceeded max depth");
    ++at_;
    skip_spaces();
    if (take(']')) return true;
    while (true) {
      if (!value(depth)) return false;
      skip_spaces();
      if (take(']')) return true;
      if (!take(',')) return wrong("after array element");
    }
  }

  bool string() {
    ++at_;
    while (!at_end()) {
      if (take('"')) return true;
      if (take('\\')) {
        if (!escape()) return false;
      } else if (static_cast<unsigned char>(text_[at_]) < 0x20) {
        return wrong("in string literal");
      } else {
        ++at_;
      }
    }
    return fail(kTooShort);
  }

  bool escape() {
    if (at_end()) return fail(kTooShort);
    if (!take('u')) {
      if (!std::string_view("bfnrt\\/\"").contains(text_[at_])) return wrong("in string escape code");
      ++at_;
      return true;
    }
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_end() || !is_hex_digit(text_[at_])) return wrong("in \\u hexadecimal character escape");
    }
    return true;
  }

  bool digits(std::string_view where) {
    if (at_end() || !is_digit(text_[at_])) return wrong(where);
    while (!at_end() && is_digit(text_[at_])) ++at_;
    return true;
  }

  bool number() {
    bool negative = take('-');
    if (!take('0') && !digits(negative ? "in numeric literal" : "looking for beginning of value")) return false;
    if (take('.') && !digits("after decimal point in numeric literal")) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits("in exponent of numeric literal");
  }

  bool literal(std::string_view word) {
    for (char c : word) {
      if (!take(c)) return wrong(std::format("in literal {} (expecting '{}')", word, c));
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace

JsonScan scan_json(std::string_view text) {
  Scanner scanner(text);
  bool complete = scanner.value(0);
  return {scanner.position(), complete ? "" : scanner.take_error()};
}

std::string json_syntax_error(std::string_view text) {
  Scanner scanner(text);
  return scanner.value(0) && scanner.rest_is_blank() ? "" : scanner.take_error();
}

std::optional<base::Json> decode_first_json(std::string_view text) {
  JsonScan scan = scan_json(text);
  if (!scan.error.empty()) return std::nullopt;
  try {
    return base::parse_json(text.substr(0, scan.end), "request body");
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

bool is_field(std::string_view member, std::string_view field) {
  return base::lower(member) == base::lower(field);
}

bool read_string(const base::Json& json, std::string& out) {
  if (json.is_null()) return true;
  if (!json.is_string()) return false;
  out = json.get<std::string>();
  return true;
}

bool read_strings(const base::Json& json, std::optional<std::vector<std::string>>& out) {
  if (json.is_null()) {
    out.reset();
    return true;
  }
  if (!json.is_array()) return false;
  out.emplace();
  for (const base::Json& item : json) {
    if (!read_string(item, out->emplace_back())) return false;
  }
  return true;
}

}  // namespace kv
