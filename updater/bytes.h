#pragma once
// Little-endian numbers and UTF-16 text inside formats from outside. Callers check the length first; reading past the
// end throws std::out_of_range (from std::string_view::at).

#include <cstdint>
#include <string>
#include <string_view>

namespace updater {

std::uint32_t read_u32(std::string_view bytes, std::size_t offset);
std::uint64_t read_u64(std::string_view bytes, std::size_t offset);

// UTF-16LE up to the first NUL or the end; unpaired surrogates become U+FFFD, an odd last byte is ignored.
std::string utf8_from_utf16(std::string_view bytes);

}  // namespace updater
