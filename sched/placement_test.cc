#include "sched/placement.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>

#include "base/random.h"
#include "base/text.h"

using namespace sched;

namespace {

Unit unit(const std::string& name, const std::string& fleet = "", const std::string& target = "",
          JobState desired = JobState::kLaunched) {
  auto file = std::make_shared<UnitFile>(UnitFile::parse("[Service]\nExecStart=/bin/true\n[X-Fleet]\n" + fleet, name));
  Unit result{name, file->hash(), file, read_requirements(*file, name), desired, target, ""};
  return result;
}

Machine machine(const std::string& id, std::map<std::string, std::string> metadata = {}) {
  return {id, "10.0.0.1", std::move(metadata), "0.1.0"};
}

std::vector<std::string> texts(const Snapshot& snapshot) {
  std::vector<std::string> result;
  for (const auto& decision : plan(snapshot))
    result.push_back((decision.kind == Decision::Kind::kSchedule ? "+" : "-") + decision.unit + "@" +
                     decision.machine_id);
  return result;
}

using Lines = std::vector<std::string>;

// The snapshot after the engine has carried out its decisions.
Snapshot after(Snapshot snapshot) {
  for (const auto& decision : plan(snapshot)) {
    auto& target = std::ranges::find(snapshot.units, decision.unit, &Unit::name)->target;
    target = decision.kind == Decision::Kind::kSchedule ? decision.machine_id : "";
  }
  return snapshot;
}

}  // namespace

TEST_CASE("a unit goes to the machine with the fewest units, then to the lowest id") {
  CHECK(texts({{unit("a.service")}, {machine("m1"), machine("m2")}}) == Lines{"+a.service@m1"});
  CHECK(texts({{unit("a.service", "", "m1"), unit("b.service")}, {machine("m1"), machine("m2")}}) ==
        Lines{"+b.service@m2"});
  CHECK(texts({{unit("a.service"), unit("b.service"), unit("c.service")}, {machine("m1"), machine("m2")}}) ==
        Lines{"+a.service@m1", "+b.service@m2", "+c.service@m1"});
}

TEST_CASE("a global unit counts for a machine's load but is never scheduled") {
  CHECK(texts({{unit("a.service"), unit("g.service", "Global=true\nMachineMetadata=role=front")},
               {machine("m1", {{"role", "front"}}), machine("m2")}}) == Lines{"+a.service@m2"});
}

TEST_CASE("what is inactive, or placed well, is left alone") {
  CHECK(
      texts({{unit("a.service", "", "", JobState::kInactive), unit("b.service", "", "m1")}, {machine("m1")}}).empty());
  CHECK(texts({{unit("a.service")}, {}}).empty());
}

TEST_CASE("an inactive unit leaves its machine") {
  const Snapshot snapshot{{unit("a.service", "", "m1", JobState::kInactive)}, {machine("m1")}};
  CHECK(texts(snapshot) == Lines{"-a.service@m1"});
  CHECK(plan(snapshot)[0].reason == "target state inactive");
}

TEST_CASE("a machine that went away loses its units to the others, unless it may only be late") {
  Snapshot snapshot{{unit("a.service", "", "gone"), unit("b.service", "", "m1")}, {machine("m1"), machine("m2")}};
  CHECK(texts(snapshot) == Lines{"-a.service@gone", "+a.service@m2"});
  CHECK(plan(snapshot)[0].reason == "target Machine(gone) went away");
  snapshot.machines_may_be_late = true;
  CHECK(texts(snapshot).empty());
}

TEST_CASE("an inactive unit of a late machine is unscheduled all the same: its user wants it so") {
  CHECK(texts({{unit("a.service", "", "late", JobState::kInactive)}, {}, true}) == Lines{"-a.service@late"});
}

TEST_CASE("MachineMetadata: every key, any value") {
  const auto wants = "MachineMetadata=\"disk=ssd\" \"disk=nvme\"\nMachineMetadata=region=eu";
  CHECK(texts({{unit("a.service", wants)},
               {machine("m1", {{"disk", "ssd"}}), machine("m2", {{"disk", "hdd"}, {"region", "eu"}}),
                machine("m3", {{"disk", "nvme"}, {"region", "eu"}})}}) == Lines{"+a.service@m3"});
  CHECK(texts({{unit("a.service", wants)}, {machine("m1")}}).empty());
}

TEST_CASE("metadata that changes moves the unit") {
  CHECK(texts({{unit("a.service", "MachineMetadata=disk=ssd", "m1")},
               {machine("m1", {{"disk", "hdd"}}), machine("m2", {{"disk", "ssd"}})}}) ==
        Lines{"-a.service@m1", "+a.service@m2"});
}

TEST_CASE("MachineID: the whole id or the short one") {
  const auto full = std::string("113f16a7000000000000000000000000");
  for (const auto& id : {full, full.substr(0, 8)})
    CHECK(texts({{unit("a.service", "MachineID=" + id)}, {machine("0000"), machine(full)}}) ==
          Lines{"+a.service@" + full});
  CHECK(texts({{unit("a.service", "MachineID=113f")}, {machine(full)}}).empty());
}

TEST_CASE("Conflicts works in both directions") {
  CHECK(texts({{unit("a.service", "Conflicts=b*"), unit("b.service")}, {machine("m1"), machine("m2")}}) ==
        Lines{"+a.service@m1", "+b.service@m2"});
  CHECK(texts({{unit("a.service"), unit("b.service", "Conflicts=a*")}, {machine("m1"), machine("m2")}}) ==
        Lines{"+a.service@m1", "+b.service@m2"});
  CHECK(texts({{unit("a.service", "", "m1"), unit("b.service", "Conflicts=a*")}, {machine("m1")}}).empty());
}

TEST_CASE("instances that conflict with their kind spread out, and one does not conflict with itself") {
  const auto apart = "Conflicts=web@*.service";
  CHECK(texts({{unit("web@1.service", apart), unit("web@2.service", apart), unit("web@3.service", apart)},
               {machine("m1"), machine("m2")}}) == Lines{"+web@1.service@m1", "+web@2.service@m2"});
  CHECK(texts({{unit("web@1.service", apart, "m1")}, {machine("m1")}}).empty());
}

TEST_CASE("two that conflict on one machine: one leaves") {
  CHECK(texts({{unit("a.service", "Conflicts=b.service", "m1"), unit("b.service", "", "m1")},
               {machine("m1"), machine("m2")}}) == Lines{"-a.service@m1", "+a.service@m2"});
}

TEST_CASE("MachineOf follows, also in the same round and also when the peer moves") {
  CHECK(texts({{unit("a.service", "MachineOf=b.service"), unit("b.service")}, {machine("m1"), machine("m2")}}) ==
        Lines{"+b.service@m1", "+a.service@m1"});
  CHECK(texts({{unit("a.service", "MachineOf=b.service")}, {machine("m1")}}).empty());
  CHECK(texts({{unit("a.service", "MachineOf=b.service", "m1"), unit("b.service", "", "m2")},
               {machine("m1"), machine("m2")}}) == Lines{"-a.service@m1", "+a.service@m2"});
  CHECK(texts({{unit("a.service", "MachineOf=b.service", "m1"), unit("b.service", "", "m1", JobState::kInactive)},
               {machine("m1")}}) == Lines{"-b.service@m1", "-a.service@m1"});
}

TEST_CASE("Replaces drives the other one off the machine") {
  const Snapshot snapshot{{unit("a.service", "Replaces=b.service", "m1"), unit("b.service", "", "m1")},
                          {machine("m1"), machine("m2")}};
  CHECK(texts(snapshot) == Lines{"-b.service@m1", "+b.service@m2"});
  CHECK(texts(after(snapshot)).empty());
}

TEST_CASE("two that replace each other stay") {
  CHECK(texts({{unit("a.service", "Replaces=b.service", "m1"), unit("b.service", "Replaces=a.service", "m1")},
               {machine("m1"), machine("m2")}})
            .empty());
}

TEST_CASE("an agent runs what is scheduled to it and the global units that fit") {
  const std::vector<Unit> units = {unit("a.service", "", "m1"),
                                   unit("b.service", "", "m2"),
                                   unit("c.service"),
                                   unit("g1.service", "Global=true"),
                                   unit("g2.service", "Global=true\nMachineMetadata=disk=ssd"),
                                   unit("g3.service", "Global=true\nConflicts=a.service"),
                                   unit("g4.service", "Global=true", "", JobState::kInactive)};
  const auto names = [&](const Machine& here) {
    std::vector<std::string> result;
    for (const auto* wanted : units_for(here, units)) result.push_back(wanted->name);
    return result;
  };
  CHECK(names(machine("m1")) == Lines{"a.service", "g1.service"});
  CHECK(names(machine("m2", {{"disk", "ssd"}})) == Lines{"b.service", "g1.service", "g2.service", "g3.service"});
}

TEST_CASE("the user is told why a unit is not placed") {
  CHECK(explain("a.service", {{unit("a.service")}, {}}) ==
        Lines{"no machine is registered: is schedd running anywhere?"});
  CHECK(explain("a.service", {{unit("a.service", "MachineMetadata=disk=ssd"), unit("b.service", "", "m1")},
                              {machine("m1")}}) == Lines{"m1.../10.0.0.1: local Machine metadata insufficient"});
  CHECK(explain("a.service", {{unit("a.service", "Conflicts=b*"), unit("b.service", "", "m1")}, {machine("m1")}}) ==
        Lines{"m1.../10.0.0.1: found conflict with locally-scheduled Unit(b.service)"});
}

// Whatever the cluster looks like: decisions are conditional-write safe (nothing is scheduled twice), nothing ends
// where it must not be, what could be placed is placed, and a settled cluster stays settled.
TEST_CASE("random clusters: placement is valid, complete and stable") {
  base::SeededRandom random(11);
  const std::vector<std::string> extras = {"",
                                           "",
                                           "",
                                           "Conflicts=u1*",
                                           "MachineMetadata=disk=ssd",
                                           "MachineOf=u10.service",
                                           "Global=true",
                                           "Global=true\nConflicts=u11.service",
                                           "MachineID=m2",
                                           "Replaces=u12.service"};
  for (int round = 0; round < 500; ++round) {
    Snapshot snapshot;
    const auto machines = random.below(5);
    for (std::uint64_t i = 0; i < machines; ++i)
      snapshot.machines.push_back(
          machine(std::format("m{}", i), random.below(2) == 0 ? std::map<std::string, std::string>{{"disk", "ssd"}}
                                                              : std::map<std::string, std::string>{}));
    const auto units = random.below(12);
    for (std::uint64_t i = 0; i < units; ++i) {
      const auto target = random.below(2) == 0 ? "" : std::format("m{}", random.below(6));
      snapshot.units.push_back(unit(std::format("u{}.service", 10 + i), extras[random.below(extras.size())], target,
                                    static_cast<JobState>(random.below(3))));
    }
    for (auto& each : snapshot.units) {
      if (each.requirements.global) each.target.clear();
    }

    std::map<std::string, std::string> targets;
    for (const auto& each : snapshot.units) targets[each.name] = each.target;
    for (const auto& decision : plan(snapshot)) {
      if (decision.kind == Decision::Kind::kSchedule) {
        REQUIRE(targets[decision.unit].empty());
        targets[decision.unit] = decision.machine_id;
      } else {
        REQUIRE(targets[decision.unit] == decision.machine_id);
        targets[decision.unit].clear();
      }
    }

    // A replacing unit that comes drives the other one off in the next round: give it a few.
    auto settled = snapshot;
    int rounds = 0;
    while (!plan(settled).empty() && rounds < 8) {
      settled = after(settled);
      ++rounds;
    }
    REQUIRE(plan(settled).empty());

    std::map<std::string, MachineLoad> loads;
    for (const auto& each : settled.machines) {
      MachineLoad load{each, {}};
      for (const auto* wanted : units_for(each, settled.units)) load.units[wanted->name] = wanted;
      loads.emplace(each.id, std::move(load));
    }
    for (const auto& each : settled.units) {
      if (each.requirements.global) continue;
      if (each.desired == JobState::kInactive) REQUIRE(each.target.empty());
      if (!each.target.empty()) REQUIRE_FALSE(obstacle(each, loads.at(each.target)));
      if (each.desired != JobState::kInactive && each.target.empty()) {
        for (const auto& [id, load] : loads) REQUIRE(obstacle(each, load));
      }
    }
  }
}
