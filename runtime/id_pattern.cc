// The C library writes a repetition out ("x+" is "xx*"): "((a{99}){99}){99}" becomes a million nodes, and looking for
// what a back reference repeats takes time without a bound. Neither is needed to find ids of 64 letters.

#include "runtime/id_pattern.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::uint64_t kMostRepetitions = 1000;

[[noreturn]] void wrong(const std::string& text, std::string_view reason) {
  throw base::Error("regular expression", "'" + text + "'", reason);
}

// How often "{m,n}" at `at` writes out what stands before it.
std::uint64_t copies(const std::string& text, std::size_t at) {
  std::uint64_t most = 1;
  std::string_view numbers = std::string_view(text).substr(at + 1, text.find('}', at) - at - 1);
  for (const std::string& number : base::split(numbers, ',')) {
    most = std::max(most, base::parse_unsigned(number).value_or(1));
  }
  return std::min(most, kMostRepetitions + 1);
}

// All repetitions are multiplied, whether they are nested or not.
void check_cost(const std::string& text) {
  if (text.empty()) wrong(text, "it is empty, which would be all containers (that is \".\")");
  if (text.size() > kMostPattern) wrong(text.substr(0, 40) + "…", "longer than " + std::to_string(kMostPattern));
  std::uint64_t repetitions = 1;
  for (std::size_t at = 0; at < text.size(); at++) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      at++;
      if (text[at] >= '1' && text[at] <= '9') wrong(text, "back references are not supported");
      continue;
    }
    if (text[at] == '+') repetitions *= 2;
    if (text[at] == '{') repetitions *= copies(text, at);
    if (repetitions > kMostRepetitions) {
      wrong(text, "repetitions of more than " + std::to_string(kMostRepetitions) + " together");
    }
  }
}

}  // namespace

IdPattern::IdPattern(const std::string& text) {
  check_cost(text);
  int error = regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) return;
  std::array<char, 128> reason = {};
  regerror(error, &compiled_, reason.data(), reason.size());
  wrong(text, reason.data());
}

IdPattern::~IdPattern() {
  regfree(&compiled_);
}

bool IdPattern::finds(const std::string& id) const {
  return regexec(&compiled_, id.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace runtime
