#pragma once
// The keys that leave a container's terminal without ending anything ("ctrl-p,ctrl-q"): what is typed goes through
// this on its way.

#include <string>
#include <string_view>

namespace runtime {

inline constexpr std::string_view kDetachKeys = "ctrl-p,ctrl-q";

class DetachKeys {
 public:
  // A list of keys: one character each, or "ctrl-" and a letter or one of @ [ \ ] ^ _; at most 16. "": none. Throws
  // base::UsageError.
  explicit DetachKeys(std::string_view text);

  // Appends to `passed` what of `typed` is the application's. True once all keys have come in a row; what is typed
  // behind them is nobody's. The beginning of such a row is held back until the next key.
  bool take(std::string_view typed, std::string& passed);

  // What is held back, when no more will be typed.
  std::string rest();

 private:
  std::string keys_;
  std::string held_;
};

}  // namespace runtime
