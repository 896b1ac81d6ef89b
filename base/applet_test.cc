#include "base/applet.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "base/error.h"

namespace base {
namespace {

int nothing(const Invocation&) {
  return 0;
}

const Applet& tool() {
  static const Applet applet{
      .name = "tool",
      .aliases = {"outil"},
      .summary = "do things",
      .options = {{.name = "endpoint",
                   .value = "URL",
                   .help = "where",
                   .fallback = "http://x",
                   .environment = "TOOL_ENDPOINT"},
                  {.name = "verbose", .letter = 'v', .help = "say more"},
                  {.name = "driver", .value = "NAME", .help = "how", .fallback = "api", .choices = {"api", "etcd"}}},
      .commands = {{.name = "start",
                    .arguments = "UNIT...",
                    .summary = "start units",
                    .options = {{.name = "env", .letter = 'e', .value = "K=V", .help = "variable", .repeatable = true},
                                {.name = "lines", .value = "N", .help = "how many", .fallback = "10"}},
                    .min_arguments = 1,
                    .max_arguments = kAnyNumber,
                    .run = nothing},
                   {.name = "run",
                    .arguments = "IMAGE [COMMAND...]",
                    .summary = "run",
                    .min_arguments = 1,
                    .max_arguments = kAnyNumber,
                    .run = nothing,
                    .pass_through = true}},
  };
  return applet;
}

Invocation parse(const std::vector<std::string>& words, const Applet& applet = tool()) {
  return parse_invocation(applet, "tool", words);
}

TEST_CASE("options may stand before and after the command, in every form") {
  const auto invocation =
      parse({"--endpoint", "http://y", "start", "-v", "-e", "A=1", "-eB=2", "--env=C=3", "a.service", "--lines=5"});
  CHECK(invocation.command == "start");
  CHECK(invocation.arguments == std::vector<std::string>{"a.service"});
  CHECK(invocation.get("endpoint") == "http://y");
  CHECK(invocation.flag("verbose"));
  CHECK(invocation.get_all("env") == std::vector<std::string>{"A=1", "B=2", "C=3"});
  CHECK(invocation.number("lines", 1, 100) == 5);
}

TEST_CASE("a value comes from the command line, the environment, the table, in this order") {
  CHECK(parse({"start", "a"}).get("endpoint") == "http://x");
  ::setenv("TOOL_ENDPOINT", "http://env", 1);
  CHECK(parse({"start", "a"}).get("endpoint") == "http://env");
  CHECK(parse({"start", "a", "--endpoint=http://line"}).get("endpoint") == "http://line");
  ::unsetenv("TOOL_ENDPOINT");
}

TEST_CASE("an unknown option is refused with the nearest one") {
  CHECK_THROWS_WITH_AS(parse({"start", "--endpint=x", "a"}), "unknown option '--endpint' (did you mean '--endpoint'?)",
                       UsageError);
  CHECK_THROWS_WITH_AS(parse({"start", "-x", "a"}), "unknown option '-x' (try '--help')", UsageError);
}

TEST_CASE("an unknown command is refused with the nearest one") {
  CHECK_THROWS_WITH_AS(parse({"strat"}), "unknown command 'strat' (did you mean 'start'?)", UsageError);
}

TEST_CASE("counts, choices and numbers are checked") {
  CHECK_THROWS_WITH_AS(parse({"start"}), "'start' needs UNIT...", UsageError);
  CHECK_THROWS_WITH_AS(parse({}), "no command given (try 'help')", UsageError);
  CHECK_THROWS_WITH_AS(parse({"start", "a", "--driver=x"}), "option '--driver': 'x' is not one of api, etcd",
                       UsageError);
  CHECK_THROWS_WITH_AS(parse({"start", "a", "--lines"}), "option '--lines' needs a value (N)", UsageError);
  CHECK_THROWS_WITH_AS((void)parse({"start", "a", "--lines=x"}).number("lines", 1, 9),
                       "option '--lines': 'x' is not a number from 1 to 9", UsageError);
  CHECK_THROWS_AS(parse({"start", "a", "--verbose=perhaps"}), UsageError);
}

TEST_CASE("what follows a pass-through argument is not ours") {
  const auto invocation = parse({"run", "-v", "image", "sh", "-c", "--endpoint"});
  CHECK(invocation.flag("verbose"));
  CHECK(invocation.arguments == std::vector<std::string>{"image", "sh", "-c", "--endpoint"});
  CHECK(parse({"run", "--", "-v"}).arguments == std::vector<std::string>{"-v"});
}

TEST_CASE("help is for the command that was named") {
  CHECK(parse({"--help"}).command == "help");
  CHECK(parse({"start", "--help"}).arguments == std::vector<std::string>{"start"});
  CHECK(parse({"help", "start"}).arguments == std::vector<std::string>{"start"});
  CHECK(parse({"--version"}).command == "version");
}

TEST_CASE("long options with one dash where the peers have them") {
  Applet applet = tool();
  applet.single_dash_long = true;
  CHECK(parse({"start", "-endpoint=http://y", "a"}, applet).get("endpoint") == "http://y");
  CHECK(parse({"start", "-endpoint", "http://y", "a"}, applet).get("endpoint") == "http://y");
  CHECK(parse({"-version"}, applet).command == "version");
  CHECK(parse({"-help"}, applet).command == "help");
  CHECK_THROWS_AS(parse({"start", "-driver=etcd", "a"}), UsageError);
}

TEST_CASE("a run reports a usage error with 2 and a failure with 1") {
  Applet applet = tool();
  CHECK(run_applet(applet, "tool", std::vector<std::string>{"start", "a"}) == 0);
  CHECK(run_applet(applet, "tool", std::vector<std::string>{"--nope"}) == 2);
  applet.commands[0].run = [](const Invocation&) -> int { throw Error("open", "x", ENOENT); };
  CHECK(run_applet(applet, "tool", std::vector<std::string>{"start", "a"}) == 1);
}

TEST_CASE("help, man page and completion name every option and command") {
  const std::string help = help_text(tool(), tool().commands[0], "tool");
  const std::string man = man_page(tool());
  const Applet* const all[] = {&tool()};
  const std::string completion = bash_completion(all);
  for (const char* word : {"endpoint", "verbose", "driver", "env", "lines"}) {
    CAPTURE(word);
    CHECK(help.find(std::string("--") + word) != std::string::npos);
    CHECK(man.find(std::string("\\-\\-") + word) != std::string::npos);
    CHECK(completion.find(std::string("--") + word) != std::string::npos);
  }
  CHECK(completion.find("complete -F _clusteros_tool tool outil") != std::string::npos);
}

}  // namespace
}  // namespace base
