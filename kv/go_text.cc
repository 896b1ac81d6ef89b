#include "kv/go_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <format>

#include "kv/client/key_path.h"

namespace kv {

namespace {

// Length of the UTF-8 sequence at `at`, 0 when it is not valid (Unicode table 3-7).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(at);
  unsigned second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(at + 1)) return 0;
  if (first < 0xe0) return 2;
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if (!continues(at + 2)) return 0;
  if (first < 0xf0) return 3;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return continues(at + 3) ? 4 : 0;
}

// ASCII that stands for itself in JSON.
constexpr bool is_plain(char c) {
  return c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

// is_plain() of each byte: nearly all of what is written is.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0; byte < plain.size(); ++byte) plain[byte] = is_plain(static_cast<char>(byte));
  return plain;
}();

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Bad escapes are reported as Go's url.EscapeError: the three bytes (or fewer) from the '%' on.
std::optional<std::string> unescape(std::string_view text, bool plus_is_blank, std::string& error) {
  std::string plain(text.size(), '\0');
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      plain[size++] = plus_is_blank ? ' ' : '+';
      continue;
    }
    if (text[i] != '%') {
      plain[size++] = text[i];
      continue;
    }
    int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      error = "invalid URL escape " + json_quoted(text.substr(i, 3));
      return std::nullopt;
    }
    plain[size++] = static_cast<char>(high * 16 + low);
    i += 2;
  }
  plain.resize(size);
  return plain;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && kPlain[static_cast<unsigned char>(text[end])]) ++end;
    out += text.substr(i, end - i);
    i = end;
    if (i == text.size()) break;
    char c = text[i];
    std::size_t length = sequence_length(text, i);
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (length == 3 && (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029")) {
      out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
    } else if (length > 1) {
      out += text.substr(i, length);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += std::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
    i += length;
  }
  out += '"';
}

std::string json_quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string escape_path(std::string_view path) {
  constexpr std::string_view kKept = "-_.~$&+,/:;=@";
  std::string out;
  for (char c : path) {
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || kKept.contains(c)) {
      out += c;
    } else {
      out += std::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<std::string> unescape_path(std::string_view text) {
  std::string error;
  return unescape(text, false, error);
}

std::optional<std::string> unescape_query(std::string_view text, std::string& error) {
  return unescape(text, true, error);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string duration_text(std::chrono::nanoseconds duration) {
  auto fraction = [](std::int64_t value, std::int64_t unit, int digits) {
    std::string text = std::format("{}.{:0{}}", value / unit, value % unit, digits);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
  };
  std::int64_t count = duration.count();
  if (count == 0) return "0s";
  if (count < 1'000) return std::format("{}ns", count);
  if (count < 1'000'000) return fraction(count, 1'000, 3) + "µs";
  if (count < 1'000'000'000) return fraction(count, 1'000'000, 6) + "ms";
  std::int64_t minutes = count / 60'000'000'000;
  std::string seconds = fraction(count % 60'000'000'000, 1'000'000'000, 9) + "s";
  if (minutes == 0) return seconds;
  if (minutes < 60) return std::format("{}m{}", minutes, seconds);
  return std::format("{}h{}m{}", minutes / 60, minutes % 60, seconds);
}

std::string float_text(double number) {
  char digits[512];
  double size = std::abs(number);
  bool exponent = number != 0 && (size < 1e-6 || size >= 1e21);
  auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  std::string text(digits, std::to_chars(digits, digits + sizeof(digits), number, format).ptr);
  // Go writes "1e-7", not "1e-07".
  if (std::size_t zero = text.find("e-0"); zero != std::string::npos) text.erase(zero + 2, 1);
  return text;
}

bool is_clean_url_path(std::string_view path) {
  if (path == "/") return true;
  if (path.ends_with('/')) path.remove_suffix(1);
  return path != "/" && is_clean_key(path);
}

std::string clean_url_path(std::string_view path) {
  std::string clean = clean_key(path);
  if (path.ends_with('/') && clean != "/") clean += '/';
  return clean;
}

}  // namespace kv
