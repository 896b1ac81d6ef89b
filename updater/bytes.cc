#include "updater/bytes.h"

namespace updater {
namespace {

std::uint64_t read_little_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes.at(offset + i));
  return value;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

bool is_high_surrogate(std::uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
bool is_low_surrogate(std::uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

}  // namespace

std::uint32_t read_u32(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(read_little_endian(bytes, offset, 4));
}

std::uint64_t read_u64(std::string_view bytes, std::size_t offset) {
  return read_little_endian(bytes, offset, 8);
}

std::string utf8_from_utf16(std::string_view bytes) {
  std::string text;
  const auto unit_at = [&](std::size_t i) { return static_cast<std::uint32_t>(read_little_endian(bytes, i, 2)); };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const std::uint32_t unit = unit_at(i);
    if (unit == 0) break;
    if (is_high_surrogate(unit) && i + 3 < bytes.size() && is_low_surrogate(unit_at(i + 2))) {
      append_utf8(text, 0x10000 + ((unit - 0xd800) << 10) + (unit_at(i + 2) - 0xdc00));
      i += 2;
    } else {
      append_utf8(text, is_high_surrogate(unit) || is_low_surrogate(unit) ? 0xfffd : unit);
    }
  }
  return text;
}

}  // namespace updater
