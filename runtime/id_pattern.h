#pragma once
// `oci-runtime delete --regex`: which ids an extended regular expression (POSIX, regex(7)) finds. As with crun it need
// not fit the whole id: "^web" and "web" differ.

#include <regex.h>

#include <string>

namespace runtime {

inline constexpr std::size_t kMostPattern = 256;  // bytes; an id has 64

class IdPattern {
 public:
  // Throws base::Error with the reason for one that is none, or that would cost more than matching ids is worth: longer
  // than kMostPattern, with a back reference, or with repetitions that are more than 1000 when they are multiplied.
  explicit IdPattern(const std::string& text);
  ~IdPattern();
  IdPattern(const IdPattern&) = delete;
  IdPattern& operator=(const IdPattern&) = delete;

  bool finds(const std::string& id) const;

 private:
  regex_t compiled_ = {};
};

}  // namespace runtime
