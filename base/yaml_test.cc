#include "base/yaml.h"

#include <doctest/doctest.h>

#include <format>
#include <string>

#include "base/random.h"

namespace base {
namespace {

YamlNode good(std::string_view text) {
  const auto result = parse_yaml(text);
  REQUIRE_FALSE(result.problem);
  REQUIRE(result.root);
  return *result.root;
}

// "LINE:COLUMN: MESSAGE"
std::string problem(std::string_view text) {
  const auto result = parse_yaml(text);
  REQUIRE(result.problem);
  return std::format("{}:{}: {}", result.problem->mark.line, result.problem->mark.column, result.problem->message);
}

TEST_CASE("nodes know where they stand") {
  const YamlNode root = good("a: 1\nb:\n  - x\n  - {c: d}\n");
  REQUIRE(root.is_mapping());
  CHECK(root.keys[1].text == "b");
  CHECK(root.keys[1].mark.line == 2);
  const YamlNode& list = root.items[1];
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].text == "x");
  CHECK(list.items[0].mark.line == 3);
  CHECK(list.items[0].mark.column == 5);
  CHECK(list.items[1].items[0].text == "d");
}

TEST_CASE("only plain scalars are booleans or null") {
  const YamlNode root = good("[yes, 'yes', off, \"off\", ~, '~', '', 0644, !!str true]");
  CHECK(root.items[0].as_boolean() == true);
  CHECK(root.items[1].as_boolean() == std::nullopt);
  CHECK(root.items[2].as_boolean() == false);
  CHECK(root.items[2].text == "off");
  CHECK(root.items[3].as_boolean() == std::nullopt);
  CHECK(root.items[4].is_null());
  CHECK_FALSE(root.items[5].is_null());
  CHECK_FALSE(root.items[6].is_null());
  CHECK(root.items[7].text == "0644");
  CHECK(root.items[8].as_boolean() == std::nullopt);
}

TEST_CASE("aliases are copies and merge keys give way to the mapping's own") {
  const YamlNode root = good("base: &b {x: 1, y: 2}\nlist: [*b, *b]\nown:\n  y: 3\n  <<: *b\n  z: 4\n");
  CHECK(root.items[1].items[1].items[0].text == "1");
  const YamlNode& own = root.items[2];
  REQUIRE(own.keys.size() == 3);
  CHECK(own.keys[0].text == "y");
  CHECK(own.items[0].text == "3");
  CHECK(own.keys[2].text == "x");
}

TEST_CASE("binary scalars are decoded") {
  CHECK(good("!!binary aGVsbG8=").text == "hello");
  CHECK(problem("a: !!binary '***'") == "1:4: !!binary value contains invalid base64 data");
}

TEST_CASE("problems have libyaml's words and a place") {
  CHECK(problem("a: @b") == "1:4: while scanning for the next token: found character that cannot start any token");
  CHECK(problem("a: 1\nb\n") == "3:1: while scanning a simple key: could not find expected ':'");
  CHECK(problem("a: [1, 2\nb: 3") == "2:2: while parsing a flow sequence: did not find expected ',' or ']'");
  CHECK(problem("ok\n\x01") == "2:1: control characters are not allowed");
  CHECK(problem("a: *nothing") == "1:4: unknown anchor 'nothing' referenced");
  CHECK(problem("? [a]\n: b") == "1:3: invalid map key");
  CHECK(problem("a\n--- b\n") == "2:1: a second document");
  CHECK(problem("a: {<<: 5}") == "1:5: map merge requires map or sequence of maps as the value");
}

TEST_CASE("what stood before a problem is kept") {
  const auto result = parse_yaml("keys:\n  - one\n  - two\nname: [x");
  REQUIRE(result.problem);
  REQUIRE(result.root);
  CHECK(result.root->keys[0].text == "keys");
  CHECK(result.root->items[0].items.size() == 2);
}

TEST_CASE("bombs end early") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; i++)
    bomb += std::format("a{}: &a{} [*a{}, *a{}, *a{}, *a{}]\n", i, i, i - 1, i - 1, i - 1, i - 1);
  CHECK(problem(bomb).contains("too many values"));
  CHECK(problem(std::string(100, '[')).contains("nested too deeply"));
  CHECK(problem("&a [*a]").contains("anchor 'a' value contains itself"));
  const std::string big(1024 * 1024, 'x');
  std::string text = "a: &a " + big + "\nb: [";
  for (int i = 0; i < 20; i++) text += "*a, ";
  CHECK(problem(text + "]").contains("too much text"));
}

TEST_CASE("damaged texts never crash") {
  const std::string text = "a: &x [1, 'two', \"th\\u0072ee\"]\nb: {<<: {c: d}, e: *x}\nf: |\n  text\n  more\n- g\n";
  base::SeededRandom random(20140101);
  for (int round = 0; round < 20000; round++) {
    std::string damaged = text;
    for (std::uint64_t change = random.below(4) + 1; change > 0; change--)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    damaged.resize(random.below(damaged.size()) + 1);
    const auto result = parse_yaml(damaged);
    if (result.problem) CHECK(result.problem->mark.line > 0);
  }
}

}  // namespace
}  // namespace base
