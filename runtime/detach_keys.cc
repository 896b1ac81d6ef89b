#include "runtime/detach_keys.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::string_view kControl = "ctrl-";
constexpr std::size_t kMostKeys = 16;

// Of "ctrl-a" the byte 1: a terminal sends the low five bits (ascii(7)).
char key_of(std::string_view word, std::string_view text) {
  if (word.size() == 1) return word.front();
  if (word.size() == kControl.size() + 1 && word.starts_with(kControl)) {
    char letter = word.back();
    if (letter >= 'a' && letter <= 'z') return static_cast<char>(letter - 'a' + 1);
    if (letter == '@' || (letter >= '[' && letter <= '_')) return static_cast<char>(letter - '@');
  }
  throw base::UsageError("--detach-keys '" + std::string(text) +
                         "': expected characters and ctrl-LETTER, with commas between");
}

}  // namespace

DetachKeys::DetachKeys(std::string_view text) {
  if (text.empty()) return;
  for (const std::string& word : base::split(std::string(text), ',')) keys_ += key_of(word, text);
  if (keys_.size() > kMostKeys) throw base::UsageError("--detach-keys: more than 16 keys");
}

bool DetachKeys::take(std::string_view typed, std::string& passed) {
  if (keys_.empty()) {
    passed.append(typed);
    return false;
  }
  for (char key : typed) {
    held_ += key;
    while (!keys_.starts_with(held_)) {
      passed += held_.front();
      held_.erase(0, 1);
    }
    if (held_ == keys_) {
      held_.clear();
      return true;
    }
  }
  return false;
}

std::string DetachKeys::rest() {
  return std::exchange(held_, {});
}

}  // namespace runtime
