#pragma once
// Strings: splitting, strict number parsing, units. Nothing here depends on the locale.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

std::vector<std::string> split(std::string_view text, char separator);  // keeps empty parts
std::vector<std::string> split_words(std::string_view text);            // at blanks, no empty parts
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);  // blanks, tabs, CR, LF
std::string lower(std::string_view text);      // ASCII only

// The whole text as a decimal number: no sign, no blanks, no overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
std::optional<std::int64_t> parse_signed(std::string_view text);

// Go's strconv.ParseBool: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parse_bool(std::string_view text);

// "512", "512k", "64M", "1g", "1GiB" in bytes (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);  // "1.5 GiB"

// Go's time.ParseDuration without a sign: "300ms", "1.5h", "2h45m".
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
// "3s", "5m 12s", "2h 3m", "4d 1h": for people.
std::string format_duration(std::chrono::seconds duration);

// Go's path.Match: * ? [a-z] [^a] and \ escapes; * does not match '/'. A malformed pattern matches nothing.
bool glob_match(std::string_view pattern, std::string_view text);

// Levenshtein distance, and the candidate nearest to `word` (it or its beginning at most a third of the word's length +
// 1 away), or "".
std::size_t edit_distance(std::string_view a, std::string_view b);
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// RFC 3339 in UTC with nanoseconds, trailing zeros cut as Go's RFC3339Nano does: "2026-01-02T03:04:05.5Z".
std::string format_rfc3339(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

std::string percent_decode(std::string_view text, bool plus_is_space = false);  // a bad escape stays as it is
std::string percent_encode(std::string_view text, std::string_view keep = "-._~/");

bool is_valid_utf8(std::string_view text);

}  // namespace base
