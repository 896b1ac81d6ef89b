#include "sched/unit_name.h"

#include <doctest/doctest.h>

using namespace sched;

TEST_CASE("a unit name is taken apart as systemd does") {
  struct Case {
    const char *full, *name, *prefix, *template_name, *instance;
    bool is_template;
  };
  for (const Case& c :
       {Case{"foo.service", "foo", "foo", "", "", false}, Case{"foo@.service", "foo@", "foo", "foo@.service", "", true},
        Case{"foo@bar.service", "foo@bar", "foo", "foo@.service", "bar", false},
        Case{"foo@bar@baz.service", "foo@bar@baz", "foo", "foo@.service", "bar@baz", false},
        Case{"foo.1@2.service", "foo.1@2", "foo.1", "foo.1@.service", "2", false},
        Case{"ssh@1.socket", "ssh@1", "ssh", "ssh@.socket", "1", false}}) {
    const auto parsed = parse_unit_name(c.full);
    REQUIRE(parsed);
    CHECK(parsed->full == c.full);
    CHECK(parsed->name == c.name);
    CHECK(parsed->prefix == c.prefix);
    CHECK(parsed->template_name == c.template_name);
    CHECK(parsed->instance == c.instance);
    CHECK(parsed->is_template() == c.is_template);
  }
  CHECK_FALSE(parse_unit_name("foo"));
  CHECK_FALSE(parse_unit_name("bar@baz"));
}

TEST_CASE("names that systemd or a file system would choke on are refused with the reason") {
  CHECK_FALSE(unit_name_problem("hello.service"));
  CHECK_FALSE(unit_name_problem("a:b-c_d\\x2d@1.timer"));
  CHECK(unit_name_problem("") == "unit name cannot be empty");
  CHECK(unit_name_problem(std::string(249, 'a') + ".service") == "unit name exceeds maximum length (256)");
  CHECK_FALSE(unit_name_problem(std::string(248, 'a') + ".service"));
  CHECK(unit_name_problem("hello") == "unit name must contain \".\"");
  CHECK(unit_name_problem("hello.") == "unit name cannot end in \".\"");
  CHECK(unit_name_problem("hello.exe") == "invalid unit type: \"exe\"");
  CHECK(unit_name_problem("../etc/hello.service") == "invalid character '/' in unit name");
  CHECK(unit_name_problem("hel lo.service") == "invalid character ' ' in unit name");
  CHECK(unit_name_problem("hel\nlo.service") == "invalid character '\\x0a' in unit name");
  CHECK(unit_name_problem("@x.service") == "unit name cannot start in \"@\"");
  CHECK(unit_name_problem(".service"));
}

TEST_CASE("what the user types becomes a unit name") {
  CHECK(mangle_unit_name("hello") == "hello.service");
  CHECK(mangle_unit_name("hello.service") == "hello.service");
  CHECK(mangle_unit_name("./units/web@1") == "web@1.service");
  CHECK(mangle_unit_name("/tmp/a.timer") == "a.timer");
  CHECK(mangle_unit_name("a.swap") == "a.swap.service");  // fleet's rule: only the types that it recognises
  CHECK(append_default_type("units/web") == "units/web.service");
}

TEST_CASE("specifiers are expanded, unknown ones stay") {
  const auto name = *parse_unit_name("web@1.service");
  CHECK(expand_specifiers("%p-db@%i.service %n %N", name) == "web-db@1.service web@1.service web@1");
  CHECK(expand_specifiers("100% %z %", name) == "100% %z %");
}
