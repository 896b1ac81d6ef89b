#include "sched/unit_file.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

using namespace sched;

namespace {

UnitFile parse(std::string_view text) {
  return UnitFile::parse(text, "a.service");
}

std::string error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

bool has_value_ending_in_backslash(const UnitFile& file) {
  return std::ranges::any_of(file.options(), [](const UnitOption& option) { return option.value.ends_with('\\'); });
}

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("the hash is fleet's") {
  const auto file = parse("[Service]\nExecStart=/bin/sleep 100\n");
  CHECK(file.serialize() == "[Service]\nExecStart=/bin/sleep 100\n");
  CHECK(file.hash() == "1c6fb6f3684bafb0c173d8b8b957ceff031180c1");  // fleet's own unit test
}

TEST_CASE("comments, blank lines and spaces around names and values do not change the unit") {
  const auto file = parse("# hello\n\n[Service]\n; more\n  ExecStart =  /bin/sleep 100  \r\n\n");
  CHECK(file.hash() == "1c6fb6f3684bafb0c173d8b8b957ceff031180c1");
}

TEST_CASE("options keep their order, and sections that come again are put together") {
  const auto file = parse(
      "Ignored=yes\n[Unit]\nAfter=b\nAfter=a\n[Service]\nExecStart=x\n[Unit]\nDescription=D\n[Empty]\n[X-Fleet]"
      "\nGlobal=true");
  CHECK(file.serialize() ==
        "[Unit]\nAfter=b\nAfter=a\nDescription=D\n\n[Service]\nExecStart=x\n\n[X-Fleet]\nGlobal=true\n");
  CHECK(file.values("Unit", "After") == Values{"b", "a"});
  CHECK(file.description() == "D");
  CHECK(file.has_section("X-Fleet"));
  CHECK_FALSE(file.has_section("Empty"));
  CHECK(parse(file.serialize()).options() == parse(file.serialize()).options());
  CHECK(parse(file.serialize()).hash() == file.hash());
}

TEST_CASE("continued lines keep backslash and newline, also when a part looks like a comment") {
  const auto file = parse(
      "[Service]\nExecStart=echo \\\n  \"pi\\\n  ng\"\nExecStop=\\\necho \"po\\\nng\"\n# comment\nExecStopPre=echo\\\n"
      "#pang\nExecStopPost=echo\\\n#peng\\\npung\n");
  CHECK(file.values("Service", "ExecStart") == Values{"echo \\\n  \"pi\\\n  ng\""});
  CHECK(file.values("Service", "ExecStop") == Values{"\\\necho \"po\\\nng\""});
  CHECK(file.values("Service", "ExecStopPre") == Values{"echo\\\n#pang"});
  CHECK(file.values("Service", "ExecStopPost") == Values{"echo\\\n#peng\\\npung"});
  CHECK(parse(file.serialize()).hash() == file.hash());
}

TEST_CASE("a continuation at the end of the file or before a blank line ends there") {
  CHECK(parse("[Unit]\nDescription=Bar \\").values("Unit", "Description") == Values{"Bar \\"});
  const auto file = parse("[Unit]\nDescription=words \\\n  \nAfter=a\n");
  CHECK(file.values("Unit", "Description") == Values{"words \\\n"});
  CHECK(file.values("Unit", "After") == Values{"a"});
}

TEST_CASE("odd names and any UTF-8 pass through") {
  const auto file = parse("<<<<\n[©]\nµ☃=ÇôrèÕ$\n<<<<=Bar\nSome Thing = x");
  CHECK(file.serialize() == "[©]\nµ☃=ÇôrèÕ$\n<<<<=Bar\nSome Thing=x\n");
}

TEST_CASE("what is no unit file is refused with its line") {
  CHECK(error_of("[Unit\nDescription=Foo\n") == "parse unit file a.service: line 1: unable to find end of section");
  CHECK(error_of("\n[Unit] pants\n").contains("line 2: found garbage after section name Unit: \"pants\""));
  CHECK(error_of("[Unit]\nDescription\n").contains("line 2: expected NAME=VALUE"));
  CHECK(error_of("[Unit]\nA=b\\\nc\n\nnonsense upon stilts").contains("line 5: expected NAME=VALUE"));
  CHECK(error_of("[Unit]\nA=\xff\n").contains("not UTF-8"));
  CHECK(error_of(std::string("[Unit]\nA=") + '\0' + "\n").contains("NUL"));
  CHECK(error_of("[Unit]\nA=" + std::string(kMaxUnitBytes, 'x')).contains("at most 524288"));
}

// Any bytes are either refused with a line or become a unit whose text stands for itself.
TEST_CASE("random texts: what is serialised is read as the same options, unless a value ends in a backslash") {
  base::SeededRandom random(3);
  const std::string_view alphabet = "[]=\\\n #;ab\r\t=\n[a]";
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = "[S]\n";
    for (auto left = random.below(40); left > 0; --left) text += alphabet[random.below(alphabet.size())];
    try {
      const auto file = parse(text);
      ++accepted;
      const auto again = parse(file.serialize());
      CAPTURE(text);
      if (again.options() != file.options()) REQUIRE(has_value_ending_in_backslash(file));
      REQUIRE(parse(again.serialize()).options() == again.options());
    } catch (const base::Error& error) {
      REQUIRE(std::string(error.what()).contains("a.service: line "));
    }
  }
  CHECK(accepted > 1000);
}

TEST_CASE("several quoted values on one line") {
  CHECK(split_multivalue("\"bar\" \"ping pong\"") == Values{"bar", "ping pong"});
  CHECK(split_multivalue("\"bar\"") == Values{"bar"});
  CHECK(split_multivalue("") == Values{""});
  CHECK(split_multivalue("\"bar") == Values{"\"bar"});
  CHECK(split_multivalue("a b") == Values{"a b"});
}
