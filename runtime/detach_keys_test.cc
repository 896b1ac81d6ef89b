#include "runtime/detach_keys.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("the keys in a row detach, also in two pieces, and are not passed on") {
  DetachKeys keys(kDetachKeys);
  std::string passed;
  CHECK_FALSE(keys.take("ls\r\x10", passed));
  CHECK(passed == "ls\r");
  CHECK(keys.take("\x11rest", passed));
  CHECK(passed == "ls\r");
}

TEST_CASE("a beginning that goes on otherwise was typed for the application") {
  DetachKeys keys("a,a,b");
  std::string passed;
  CHECK_FALSE(keys.take("aac", passed));
  CHECK(passed == "aac");
  // The second and third of these begin a row of their own.
  CHECK(keys.take("aaab", passed));
  CHECK(passed == "aaca");
}

TEST_CASE("what is held back is given at the end of the input") {
  DetachKeys keys(kDetachKeys);
  std::string passed;
  CHECK_FALSE(keys.take("\x10", passed));
  CHECK(passed.empty());
  CHECK(keys.rest() == "\x10");
  CHECK(keys.rest().empty());
}

TEST_CASE("no keys: everything is the application's") {
  DetachKeys keys("");
  std::string passed;
  CHECK_FALSE(keys.take("\x10\x11", passed));
  CHECK(passed == "\x10\x11");
}

TEST_CASE("words of keys") {
  std::string passed;
  CHECK(DetachKeys("ctrl-@").take(std::string_view("\0", 1), passed));
  CHECK(DetachKeys("ctrl-[").take("\x1b", passed));
  CHECK(DetachKeys("ctrl-_").take("\x1f", passed));
  CHECK(DetachKeys("x").take("x", passed));
  for (const char* wrong :
       {"ctrl-", "ctrl-A", "ctrl-1", "shift-a", "a,,b", ",", "ctrl-pp", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(DetachKeys{wrong}, base::UsageError);
  }
}

}  // namespace runtime
