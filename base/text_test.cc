#include "base/text.h"

#include <doctest/doctest.h>

namespace base {
namespace {

using namespace std::chrono_literals;

TEST_CASE("numbers are read whole or not at all") {
  CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_unsigned(bad));
  }
  CHECK(parse_signed("-9223372036854775808") == INT64_MIN);
}

TEST_CASE("booleans are Go's") {
  CHECK(parse_bool("T") == true);
  CHECK(parse_bool("False") == false);
  CHECK_FALSE(parse_bool("yes"));
  CHECK_FALSE(parse_bool("TrUe"));
}

TEST_CASE("sizes have binary units") {
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("64m") == 64ULL << 20U);
  CHECK(parse_size("1GiB") == 1ULL << 30U);
  CHECK(parse_size("2GB") == 2ULL << 30U);
  for (const char* bad : {"", "m", "-1", "1.5g", "1x", "99999999999t"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad));
  }
  CHECK(format_size(1536) == "1.5 KiB");
  CHECK(format_size(7) == "7 B");
}

TEST_CASE("durations are Go's") {
  CHECK(parse_duration("300ms") == 300ms);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("2h45m") == 165min);
  CHECK(parse_duration("0") == 0s);
  for (const char* bad : {"", "5", "m", "5 s", "1d", "-1s"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
  CHECK(format_duration(3723s) == "1h 2m");
}

TEST_CASE("glob patterns are Go's path.Match") {
  CHECK(glob_match("web*.service", "web1.service"));
  CHECK(glob_match("*", ""));
  CHECK(glob_match("a*b*c", "aXbYbZc"));
  CHECK_FALSE(glob_match("*", "a/b"));
  CHECK(glob_match("?[a-c]", "xb"));
  CHECK_FALSE(glob_match("[^a]", "a"));
  CHECK(glob_match("\\*", "*"));
  CHECK_FALSE(glob_match("\\*", "x"));
  CHECK_FALSE(glob_match("[", "["));
  CHECK_FALSE(glob_match("a", "ab"));
}

TEST_CASE("a hostile pattern ends in time") {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  CHECK_FALSE(glob_match(pattern + "b", std::string(5000, 'a')));
}

TEST_CASE("the nearest word is offered only when it is near") {
  CHECK(nearest("lisen", {"listen", "data-dir"}) == "listen");
  CHECK(nearest("lisen", {"listen-client-urls", "data-dir"}) == "listen-client-urls");
  CHECK(nearest("zzzzzz", {"listen", "data-dir"}).empty());
}

TEST_CASE("RFC 3339 as Go writes it") {
  const auto time = std::chrono::system_clock::time_point(1'700'000'000s + 250ms);
  CHECK(format_rfc3339(time) == "2023-11-14T22:13:20.25Z");
  CHECK(parse_rfc3339("2023-11-14T22:13:20.25Z") == time);
  CHECK(parse_rfc3339("2023-11-15T00:13:20.25+02:00") == time);
  for (const char* bad : {"", "2023-11-14", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20", "2023-11-14T22:13:20Zx"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}

TEST_CASE("percent encoding") {
  CHECK(percent_decode("a%2Fb%zz+") == "a/b%zz+");
  CHECK(percent_decode("a+b", true) == "a b");
  CHECK(percent_encode("a b/ü") == "a%20b/%C3%BC");
}

TEST_CASE("UTF-8 is checked to the letter") {
  CHECK(is_valid_utf8("aü€😀"));
  CHECK_FALSE(is_valid_utf8("\xC0\xAF"));          // overlong
  CHECK_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(is_valid_utf8("\xE2\x82"));          // cut
}

TEST_CASE("splitting") {
  CHECK(split("a,,b", ',') == std::vector<std::string>{"a", "", "b"});
  CHECK(split_words("  a \t b ") == std::vector<std::string>{"a", "b"});
  CHECK(trim("\r\n x ") == "x");
}

}  // namespace
}  // namespace base
