#include "discovery/confd/utf8.h"

#include <charconv>
#include <cstdint>

namespace discovery::confd {

bool append_code_point(std::string& out, std::string_view digits, std::size_t count) {
  std::uint32_t code = 0;
  if (digits.size() != count) return false;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3f));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
  return true;
}

}  // namespace discovery::confd
