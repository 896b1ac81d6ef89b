#include "base/process.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace base {
namespace {

using namespace std::chrono_literals;

TEST_CASE("output, input and exit code") {
  const auto result = run_process({"sh", "-c", "cat; echo oops >&2; exit 3"}, {.input = "hello"});
  CHECK(result.exit_code == 3);
  CHECK(result.output == "hello");
  CHECK(result.error_output == "oops\n");
  CHECK(run_process({"sh", "-c", "kill -9 $$"}).exit_code == 137);
}

TEST_CASE("more input than a pipe holds") {
  const std::string big(1'000'000, 'x');
  CHECK(run_process({"cat"}, {.input = big}).output == big);
  // A child that does not read must not end us by SIGPIPE.
  for (int i = 0; i < 20; ++i) CHECK(run_process({"true"}, {.input = big}).ok());
}

TEST_CASE("time and output are bounded") {
  CHECK_THROWS_WITH_AS(run_process({"sleep", "1000"}, {.timeout = 50ms}), "run sleep: no end after 50 ms", Error);
  CHECK_THROWS_AS(run_process({"yes"}, {.max_output = 1000}), Error);
}

TEST_CASE("a missing program is an error, an environment is its own") {
  CHECK_THROWS_WITH_AS(run_process({"no-such-program-here"}), "run no-such-program-here: No such file or directory",
                       Error);
  CHECK(run_process({"/usr/bin/env"}, {.environment = std::vector<std::string>{"A=1"}}).output == "A=1\n");
}

}  // namespace
}  // namespace base
