#include "sched/agent_plan.h"

#include <doctest/doctest.h>

#include "base/random.h"

using namespace sched;

namespace {

using Desired = std::map<std::string, DesiredUnit>;
using Current = std::map<std::string, CurrentUnit>;

DesiredUnit want(JobState state, const std::string& hash = "h1") {
  return {hash, nullptr, state};
}

std::vector<std::string> texts(const std::vector<Step>& steps) {
  std::vector<std::string> result;
  for (const auto& step : steps)
    result.push_back(std::string(to_string(step.kind)) + (step.unit.empty() ? "" : " " + step.unit));
  return result;
}
std::vector<std::string> planned(const Desired& desired, const Current& current) {
  return texts(plan(desired, current));
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a new unit is loaded, systemd reads it, and it starts when it should") {
  CHECK(planned({{"a.service", want(JobState::kLaunched)}}, {}) ==
        Lines{"load a.service", "reload unit files", "start a.service"});
  CHECK(planned({{"a.service", want(JobState::kLoaded)}}, {}) == Lines{"load a.service", "reload unit files"});
  CHECK(planned({{"a.service", want(JobState::kInactive)}}, {}).empty());
}

TEST_CASE("what is as it should be is left alone") {
  for (const auto state : {JobState::kLoaded, JobState::kLaunched})
    CHECK(planned({{"a.service", want(state)}}, {{"a.service", {"h1", state}}}).empty());
}

TEST_CASE("stop and start of a loaded unit touch no files") {
  CHECK(planned({{"a.service", want(JobState::kLoaded)}}, {{"a.service", {"h1", JobState::kLaunched}}}) ==
        Lines{"stop a.service"});
  CHECK(planned({{"a.service", want(JobState::kLaunched)}}, {{"a.service", {"h1", JobState::kLoaded}}}) ==
        Lines{"start a.service"});
}

TEST_CASE("a unit that is not wanted any more is unloaded") {
  CHECK(planned({}, {{"a.service", {"h1", JobState::kLaunched}}}) == Lines{"unload a.service", "reload unit files"});
  CHECK(planned({{"a.service", want(JobState::kInactive)}}, {{"a.service", {"h1", JobState::kInactive}}}) ==
        Lines{"unload a.service", "reload unit files"});
}

TEST_CASE("a changed file replaces the unit") {
  CHECK(planned({{"a.service", want(JobState::kLaunched, "h2")}}, {{"a.service", {"h1", JobState::kLaunched}}}) ==
        Lines{"unload a.service", "load a.service", "reload unit files", "start a.service"});
}

TEST_CASE("a file that was written but never loaded is loaded again") {
  CHECK(planned({{"a.service", want(JobState::kLaunched)}}, {{"a.service", {"h1", JobState::kInactive}}}) ==
        Lines{"load a.service", "reload unit files", "start a.service"});
}

TEST_CASE("all units: unload before load before one reload before stop before start, by name within each") {
  const Desired desired = {{"b.service", want(JobState::kLaunched)},
                           {"c.service", want(JobState::kLoaded)},
                           {"d.service", want(JobState::kLaunched, "h2")}};
  const Current current = {{"a.service", {"h1", JobState::kLaunched}},
                           {"c.service", {"h1", JobState::kLaunched}},
                           {"d.service", {"h1", JobState::kLoaded}}};
  CHECK(planned(desired, current) == Lines{"unload a.service", "unload d.service", "load b.service", "load d.service",
                                           "reload unit files", "stop c.service", "start b.service",
                                           "start d.service"});
}

// Carrying out a plan leads to what was desired, and then nothing is left to do.
TEST_CASE("random states: the plan converges in one go") {
  base::SeededRandom random(7);
  for (int round = 0; round < 2000; ++round) {
    Desired desired;
    Current current;
    const auto state = [&] { return static_cast<JobState>(random.below(3)); };
    for (const auto* name : {"a.service", "b.service", "c.service", "d.service"}) {
      if (random.below(2) == 0) desired[name] = want(state(), random.below(2) == 0 ? "h1" : "h2");
      if (random.below(2) == 0) current[name] = {random.below(2) == 0 ? "h1" : "h2", state()};
    }
    bool reloaded_since_change = true;
    for (const auto& step : plan(desired, current)) {
      switch (step.kind) {
        case StepKind::kUnload:
          REQUIRE(current.erase(step.unit) == 1);
          reloaded_since_change = false;
          break;
        case StepKind::kLoad:
          current[step.unit] = {desired.at(step.unit).hash, JobState::kLoaded};
          reloaded_since_change = false;
          break;
        case StepKind::kReload:
          reloaded_since_change = true;
          break;
        case StepKind::kStop:
          REQUIRE(current.at(step.unit).state == JobState::kLaunched);
          current[step.unit].state = JobState::kLoaded;
          break;
        case StepKind::kStart:
          REQUIRE(reloaded_since_change);
          REQUIRE(current.at(step.unit).state == JobState::kLoaded);
          current[step.unit].state = JobState::kLaunched;
          break;
      }
    }
    REQUIRE(reloaded_since_change);
    REQUIRE(plan(desired, current).empty());
    for (const auto& [name, unit] : desired) {
      if (unit.state == JobState::kInactive) {
        REQUIRE_FALSE(current.contains(name));
      } else {
        REQUIRE(current.at(name).state == unit.state);
        REQUIRE(current.at(name).hash == unit.hash);
      }
    }
  }
}
