#include "base/json.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace base {
namespace {

TEST_CASE("an error has line and column") {
  CHECK_THROWS_WITH_AS(parse_json("{\n  \"a\": }", "x.json"),
                       doctest::Contains("parse JSON x.json: line 2, column 8: "), Error);
}

TEST_CASE("a number beyond what can be said is an error") {
  CHECK_THROWS_WITH_AS(parse_json("[1e999]", "x"), "parse JSON x: number overflow parsing '1e999'", Error);
}

TEST_CASE("size and depth are bounded") {
  CHECK_THROWS_WITH_AS(parse_json("[[[]]]", "x", 100, 2), "parse JSON x: nested deeper than 2", Error);
  CHECK_THROWS_WITH_AS(parse_json("[1,2,3]", "x", 3), "parse JSON x: larger than 3 bytes", Error);
  CHECK(parse_json("[\"[[[[\"]", "x", 100, 1).size() == 1);
  CHECK_THROWS_AS(parse_json(std::string(1'000'000, '['), "x"), Error);
}

TEST_CASE("a member of another type is named") {
  const Json object = parse_json(R"({"name": 5, "size": "x", "big": 18446744073709551615})", "x");
  CHECK_THROWS_WITH_AS(json_string(object, "name"), "read JSON member name: want string, got number", Error);
  CHECK_THROWS_AS(json_integer(object, "size"), Error);
  CHECK_THROWS_AS(json_integer(object, "big"), Error);
  CHECK(json_string(object, "none", "fallback") == "fallback");
}

TEST_CASE("keys keep their order and bad UTF-8 does not throw") {
  Json object;
  object["z"] = 1;
  object["a"] = "\xff";
  CHECK(to_text(object) == "{\"z\":1,\"a\":\"\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace base
