// What confd's files may say, and how what they may not say is refused.

#include "discovery/confd/toml.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/random.h"

using namespace discovery::confd;

namespace {

std::string refusal(std::string_view text) {
  try {
    parse_toml(text, "f.toml");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("strings, arrays, integers, booleans, comments") {
  const auto tables = parse_toml(
      "# first\nbackend = 'etcd'\r\n"
      "[template] # the table\n"
      "src = \"a\\t\\\"b\\\" \\u00e9\"\n"
      "keys = [\n  \"/a\", # one\n  '/b\\n',\n]\n"
      "uid = -1\ngid=100\n on-x = true\n",
      "f.toml");
  CHECK(std::get<std::string>(tables.at("").at("backend").value) == "etcd");
  const TomlTable& table = tables.at("template");
  CHECK(std::get<std::string>(table.at("src").value) == "a\t\"b\" é");
  CHECK(std::get<std::vector<std::string>>(table.at("keys").value) == std::vector<std::string>{"/a", "/b\\n"});
  CHECK(table.at("keys").line == 5);
  CHECK(std::get<std::int64_t>(table.at("uid").value) == -1);
  CHECK(std::get<std::int64_t>(table.at("gid").value) == 100);
  CHECK(std::get<bool>(table.at("on-x").value));
  CHECK(table.at("uid").line == 9);
}

TEST_CASE("everything else is refused with file and line") {
  CHECK(refusal("\n\na = 1.5") ==
        "read f.toml:3: '1.5' is no value: allowed are a string in quotes, an array of strings, a "
        "decimal integer, true and false");
  CHECK(refusal("a = 0x10").contains("'0x10' is no value"));
  CHECK(refusal("a = 010").contains("'010' is no value"));
  CHECK(refusal("a = 99999999999999999999").contains("is no value"));
  CHECK(refusal("a = 1979-05-27T07:32:00Z").contains("is no value"));
  CHECK(refusal("a =").contains("'' is no value"));
  CHECK(refusal("a = \"x") == "read f.toml:1: the string has no end on its line");
  CHECK(refusal("a = \"x\\q\"").contains("unknown escape"));
  CHECK(refusal("a = \"\\ud800\"").contains("malformed \\u escape"));
  CHECK(refusal("a = \"\\u12").contains("malformed \\u escape"));
  CHECK(refusal("a = \"x\\").contains("unknown escape"));
  CHECK(refusal("a = \"\"\"\nx\"\"\"").contains("many lines"));
  CHECK(refusal("a = [1]").contains("strings only"));
  CHECK(refusal("a = [\"x\"") == "read f.toml:1: expected ',' or ']' in the array");
  CHECK(refusal("a = [").contains("no end"));
  CHECK(refusal("a = {b = 1}").contains("inline tables"));
  CHECK(refusal("[[t]]").contains("arrays of tables"));
  CHECK(refusal("[t.u]").contains("tables in tables"));
  CHECK(refusal("a.b = 1").contains("dotted keys"));
  CHECK(refusal("[t]\n[t]") == "read f.toml:2: table [t] stands here a second time");
  CHECK(refusal("a = 1\na = 2") == "read f.toml:2: key 'a' stands here twice");
  CHECK(refusal("a = 1 b = 2").contains("unexpected text after the value"));
  CHECK(refusal("= 1").contains("expected a key"));
  CHECK(refusal("a 1").contains("expected '=' after key 'a'"));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "a" + std::to_string(i) + " = 1\n";
  CHECK(refusal(many).contains("more than 1000 keys"));
}

TEST_CASE("random texts are read or refused, nothing else") {
  const std::vector<std::string> pieces = {"[",  "]", "a", "b", " = ", "\"",   "'",  "\\", "u00e9",
                                           "\n", "#", ",", "1", "-",   "true", "\r", "."};
  base::SeededRandom random(1);
  std::size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint64_t n = random.below(10); n > 0; --n) text += pieces[random.below(pieces.size())];
    CAPTURE(text);
    if (!refusal(text).empty()) ++refused;
  }
  CHECK(refused > 100);
  CHECK(refused < 20'000);
}
