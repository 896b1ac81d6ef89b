// Go's path.Match. Recursion happens only at '*', and a '*' swallows the rest of the pattern's search, so the work is
// bounded by |pattern| × |text|: when a later star has matched, earlier ones never need to be tried again.
#include "base/text.h"

namespace base {
namespace {

enum class ClassResult { kMatch, kMiss, kMalformed };

// `pattern` starts behind '['. On return `end` is behind ']'.
ClassResult match_class(std::string_view pattern, std::size_t& end, char c) {
  std::size_t i = 0;
  bool negated = false;
  if (i < pattern.size() && pattern[i] == '^') {
    negated = true;
    ++i;
  }
  bool matched = false;
  bool any = false;
  const auto next = [&](char& out) {
    if (i >= pattern.size() || pattern[i] == '-') return false;
    if (pattern[i] == '\\' && ++i >= pattern.size()) return false;
    out = pattern[i++];
    return i < pattern.size();
  };
  for (;;) {
    if (i < pattern.size() && pattern[i] == ']' && any) break;
    char low = 0;
    if (!next(low)) return ClassResult::kMalformed;
    char high = low;
    if (pattern[i] == '-') {
      ++i;
      if (!next(high)) return ClassResult::kMalformed;
    }
    if (low <= c && c <= high) matched = true;
    any = true;
  }
  end = i + 1;
  return matched != negated ? ClassResult::kMatch : ClassResult::kMiss;
}

// Matches one element of the pattern against text[0]; advances `used`. False on a miss; `malformed` is set for a bad
// pattern.
bool match_one(std::string_view pattern, char c, std::size_t& used, bool& malformed) {
  if (pattern[0] == '?') {
    used = 1;
    return c != '/';
  }
  if (pattern[0] == '[') {
    std::size_t end = 0;
    const auto result = match_class(pattern.substr(1), end, c);
    if (result == ClassResult::kMalformed) malformed = true;
    used = end + 1;
    return result == ClassResult::kMatch;
  }
  std::size_t i = 0;
  if (pattern[0] == '\\') {
    if (pattern.size() < 2) {
      malformed = true;
      return false;
    }
    i = 1;
  }
  used = i + 1;
  return pattern[i] == c;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // where to go on after the last '*'
  std::size_t star_text = 0;
  bool malformed = false;
  while (t < text.size()) {
    std::size_t used = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && match_one(pattern.substr(p), text[t], used, malformed)) {
      p += used;
      ++t;
      continue;
    }
    if (malformed || star == std::string_view::npos || text[star_text] == '/') return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace base
