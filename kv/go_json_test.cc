#include "kv/go_json.h"

#include <doctest/doctest.h>

namespace {

struct Case {
  std::string_view text;
  std::string_view error;
};

}  // namespace

TEST_CASE("go_json: syntax errors in encoding/json's words") {
  for (const auto& [text, error] : std::initializer_list<Case>{
           {"", "unexpected end of JSON input"},
           {"  ", "unexpected end of JSON input"},
           {R"({"a":[1,-2.5e+3,true,false,null,"A\n"]} )", ""},
           {"x", "invalid character 'x' looking for beginning of value"},
           {"{", "unexpected end of JSON input"},
           {"{a", "invalid character 'a' looking for beginning of object key string"},
           {R"({"a" 1})", "invalid character '1' after object key"},
           {R"({"a":1 "b"})", "invalid character '\"' after object key:value pair"},
           {"[1 2]", "invalid character '2' after array element"},
           {"[1,]", "invalid character ']' looking for beginning of value"},
           {R"({"a":1,})", "invalid character '}' looking for beginning of object key string"},
           {"{} x", "invalid character 'x' after top-level value"},
           {"trve", "invalid character 'v' in literal true (expecting 'u')"},
           {"nul", "unexpected end of JSON input"},
           {"-a", "invalid character 'a' in numeric literal"},
           {"1.x", "invalid character 'x' after decimal point in numeric literal"},
           {"1ex", "invalid character 'x' in exponent of numeric literal"},
           {"01", "invalid character '1' after top-level value"},
           {"\"a\nb\"", "invalid character '\\n' in string literal"},
           {R"("\q")", "invalid character 'q' in string escape code"},
           {R"("\u12g4")", "invalid character 'g' in \\u hexadecimal character escape"},
           {"'", R"(invalid character '\'' looking for beginning of value)"},
           {"\x01", R"(invalid character '\x01' looking for beginning of value)"},
           {"\xe9", "invalid character 'é' looking for beginning of value"},
       }) {
    CAPTURE(text);
    CHECK(kv::json_syntax_error(text) == error);
  }
}

TEST_CASE("go_json: depth has a bound") {
  CHECK(kv::json_syntax_error(std::string(1'001, '[')) == "exceeded max depth");
  CHECK(kv::json_syntax_error(std::string(1'000, '[') + std::string(1'000, ']')).empty());
  CHECK_FALSE(kv::decode_first_json(std::string(100, '[') + std::string(100, ']')));
}

TEST_CASE("go_json: a decoder reads the first value and no further") {
  auto json = kv::decode_first_json(R"( {"user":"a"} and more)");
  REQUIRE(json);
  CHECK(json->at("user") == "a");
  CHECK_FALSE(kv::decode_first_json("{\"user\":"));
  CHECK_FALSE(kv::decode_first_json(""));
}

TEST_CASE("go_json: fields") {
  CHECK(kv::is_field("PeerURLS", "peerURLs"));
  std::string text = "before";
  CHECK(kv::read_string(nullptr, text));
  CHECK(text == "before");
  CHECK_FALSE(kv::read_string(1, text));
  std::optional<std::vector<std::string>> list;
  CHECK(kv::read_strings(base::Json::array(), list));
  CHECK(list == std::vector<std::string>{});
  CHECK(kv::read_strings(nullptr, list));
  CHECK_FALSE(list);
  CHECK_FALSE(kv::read_strings(base::Json::array({"a", 2}), list));
}
