#include "runtime/id_pattern.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("a pattern finds ids that it fits anywhere") {
  CHECK(IdPattern("web").finds("my-web-1"));
  CHECK(IdPattern("^web-[0-9]+$").finds("web-12"));
  CHECK_FALSE(IdPattern("^web-[0-9]+$").finds("web-12a"));
  CHECK(IdPattern("^(a|b){2}$").finds("ab"));
  CHECK(IdPattern("a\\+b").finds("a+b"));
}

TEST_CASE("a pattern that is none says why") {
  CHECK_THROWS_WITH_AS(IdPattern("a("), doctest::Contains("regular expression 'a(': "), base::Error);
  CHECK_THROWS_WITH_AS(IdPattern(""), doctest::Contains("it is empty"), base::Error);
}

TEST_CASE("a pattern cannot be made to cost more than its length") {
  CHECK_NOTHROW(IdPattern("a{100}b+c+"));
  CHECK_NOTHROW(IdPattern(std::string(kMostPattern, 'a')));
  CHECK_THROWS_WITH_AS(IdPattern(std::string(kMostPattern + 1, 'a')), doctest::Contains("longer than 256"),
                       base::Error);
  CHECK_THROWS_WITH_AS(IdPattern("((a{99}){99}){99}"), doctest::Contains("repetitions"), base::Error);
  CHECK_THROWS_WITH_AS(IdPattern("a{18446744073709551615}"), doctest::Contains("repetitions"), base::Error);
  CHECK_THROWS_WITH_AS(IdPattern("((((((((((a+)+)+)+)+)+)+)+)+)+)"), doctest::Contains("repetitions"), base::Error);
  CHECK_THROWS_WITH_AS(IdPattern("(a*)*\\1"), doctest::Contains("back references"), base::Error);
}

}  // namespace runtime
