#include "runtime/oci_update.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

base::Json of(const std::vector<std::string>& words, const base::Json& file = base::Json::object()) {
  base::Applet applet{
      .name = "t", .summary = "", .options = update_options(), .run = [](const base::Invocation&) { return 0; }};
  return resources_of_options(base::parse_invocation(applet, "t", words), file);
}

}  // namespace

TEST_CASE("options become the members of linux.resources, over those of the file") {
  CHECK(of({}) == base::Json::object());
  CHECK(of({"--memory", "64m", "--pids-limit=5"}) ==
        base::Json{{"memory", {{"limit", 67108864}}}, {"pids", {{"limit", 5}}}});
  CHECK(of({"--memory", "-1"}) == base::Json{{"memory", {{"limit", -1}}}});
  CHECK(of({"--cpu-quota", "5000"}, {{"cpu", {{"quota", 1}, {"period", 2}}}}) ==
        base::Json{{"cpu", {{"quota", 5000}, {"period", 2}}}});
  CHECK(of({"--cpuset-cpus", "0-1"}) == base::Json{{"cpu", {{"cpus", "0-1"}}}});
  CHECK_THROWS_WITH_AS(of({"--memory", "lots"}), doctest::Contains("--memory 'lots'"), base::UsageError);
  CHECK_THROWS_AS(of({"--pids-limit", "-2"}), base::UsageError);
}

TEST_CASE("memory and swap together need the memory's limit: the present one, when none is given") {
  base::Json json = {{"memory", {{"swap", 3000}}}};
  complete_swap(json, "1000\n");
  CHECK(json["memory"]["limit"] == 1000);
  json = {{"memory", {{"swap", 3000}}}};
  complete_swap(json, "max\n");
  CHECK_FALSE(json["memory"].contains("limit"));
  json = {{"memory", {{"swap", 3000}, {"limit", 2000}}}};
  complete_swap(json, "1000\n");
  CHECK(json["memory"]["limit"] == 2000);
}

}  // namespace runtime
