#pragma once
// What the targets share. A target is a function of bytes that must not crash, hang or break a bound, whatever they
// are: libFuzzer calls LLVMFuzzerTestOneInput (llvm.org/docs/LibFuzzer.html). Errors that the code under test throws
// for bad input are what is wanted; a broken property aborts.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A property of the code under test.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "this must be true: %s\n", what);
  std::abort();
}

// Cuts an input into numbers and texts; zeros and nothing at its end.
class Input {
 public:
  explicit Input(std::string_view rest) : rest_(rest) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // At most so many bytes.
  std::string_view text(std::size_t size) {
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(value.size());
    return value;
  }
  // To the next newline, without it.
  std::string_view line() {
    const std::string_view value = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(value.size());
    if (!rest_.empty()) rest_.remove_prefix(1);
    return value;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
