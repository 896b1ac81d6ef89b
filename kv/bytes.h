#pragma once
// Integers and strings in the store's formats: LEB128 varints, strings with their length in front.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kv {

class ByteWriter {
 public:
  // `expected`: about how many bytes there will be.
  explicit ByteWriter(std::size_t expected = 0) { bytes_.reserve(expected); }

  void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Throws base::Error at the first byte that does not fit; `what` names the record.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, std::string_view what) : rest_(bytes), what_(what) {}

  std::uint8_t byte() {
    if (rest_.empty()) fail("it ends too early");
    auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::uint8_t next = byte();
      if (shift == 63 && next > 1) break;
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    fail("a number is longer than 64 bits");
  }
  std::string text() { return std::string(view()); }
  // The same without a copy: valid as long as the bytes.
  std::string_view view() {
    std::uint64_t size = number();
    if (size > rest_.size()) fail("it ends too early");
    std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view rest() const { return rest_; }
  void end() const {
    if (!rest_.empty()) fail("bytes are left over");
  }
  [[noreturn]] void fail(std::string_view reason) const { throw base::Error("decode", what_, reason); }

 private:
  std::string_view rest_;
  std::string_view what_;
};

}  // namespace kv
