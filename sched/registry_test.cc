#include "sched/registry.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "kv/client/memory_client.h"
#include "sched/records.h"

using namespace sched;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();
  Registry registry{*client};
  UnitFile hello = UnitFile::parse("[Service]\nExecStart=/bin/sleep 100\n", "hello.service");

  std::string value(const std::string& key) {
    const auto node = client->get("/_coreos.com/fleet/" + key);
    return node ? node->value : "(none)";
  }
  void put(const std::string& key, const std::string& text) { client->put("/_coreos.com/fleet/" + key, text); }
  void pass(std::chrono::seconds time) {
    clock.advance(time);
    store.expire();
  }
};

constexpr const char* kHash = "1c6fb6f3684bafb0c173d8b8b957ceff031180c1";

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a unit is kept under fleet's keys, in fleet's JSON") {
  REQUIRE(registry.create_unit("hello.service", hello));
  CHECK(value("unit/" + std::string(kHash)) == R"({"Raw":"[Service]\nExecStart=/bin/sleep 100\n"})");
  CHECK(
      value("job/hello.service/object") ==
      R"({"Name":"hello.service","UnitHash":[28,111,182,243,104,75,175,176,193,115,216,184,185,87,206,255,3,17,128,193]})");
  CHECK(value("job/hello.service/target-state") == "inactive");

  const auto unit = registry.unit("hello.service");
  REQUIRE(unit);
  CHECK(unit->hash == kHash);
  CHECK(unit->file->serialize() == hello.serialize());
  CHECK(unit->desired == JobState::kInactive);
  CHECK(unit->target.empty());
}

TEST_CASE_FIXTURE(Fixture, "a unit is made once, and replaced only on demand") {
  const auto other = UnitFile::parse("[Service]\nExecStart=/bin/true\n", "hello.service");
  REQUIRE(registry.create_unit("hello.service", hello));
  registry.set_desired("hello.service", JobState::kLaunched);
  CHECK_FALSE(registry.create_unit("hello.service", other));
  CHECK(registry.unit("hello.service")->hash == kHash);
  CHECK(registry.unit("hello.service")->desired == JobState::kLaunched);
  CHECK(registry.create_unit("hello.service", other, true));
  CHECK(registry.unit("hello.service")->hash == other.hash());
  CHECK(registry.unit("hello.service")->desired == JobState::kInactive);
}

TEST_CASE_FIXTURE(Fixture, "only one engine wins, and only the decision that was meant is taken back") {
  registry.create_unit("hello.service", hello);
  CHECK(registry.schedule("hello.service", "m1"));
  CHECK_FALSE(registry.schedule("hello.service", "m2"));
  CHECK(value("job/hello.service/target") == "m1");
  CHECK_FALSE(registry.unschedule("hello.service", "m2"));
  CHECK(registry.unschedule("hello.service", "m1"));
  CHECK_FALSE(registry.unschedule("hello.service", "m1"));
}

TEST_CASE_FIXTURE(Fixture, "inactive, loaded, launched: as far as the machine of the unit says") {
  registry.create_unit("hello.service", hello);
  const auto state = [&] {
    const auto unit = *registry.unit("hello.service");
    return current_state(unit, registry.unit_state("hello.service", unit.target).has_value());
  };
  CHECK(state() == JobState::kInactive);
  registry.schedule("hello.service", "m1");
  CHECK(state() == JobState::kInactive);
  registry.save_state({"hello.service", "m1", "loaded", "inactive", "dead", kHash}, 30s);
  CHECK(state() == JobState::kLoaded);
  registry.heartbeat("hello.service", "m2", 30s);
  CHECK(state() == JobState::kLoaded);
  registry.heartbeat("hello.service", "m1", 30s);
  CHECK(state() == JobState::kLaunched);
  registry.clear_heartbeat("hello.service", "m2");
  CHECK(state() == JobState::kLaunched);
  registry.clear_heartbeat("hello.service", "m1");
  CHECK(state() == JobState::kLoaded);
  registry.heartbeat("hello.service", "m1", 10s);
  pass(11s);
  CHECK(state() == JobState::kLoaded);
  pass(20s);
  CHECK(state() == JobState::kInactive);
}

TEST_CASE_FIXTURE(Fixture, "states are kept for every machine, and once more in the older place") {
  const UnitState here{"g.service", "m1", "loaded", "active", "running", kHash};
  const UnitState there{"g.service", "m2", "loaded", "failed", "failed", kHash};
  registry.save_state(there, 30s);
  registry.save_state(here, 30s);
  CHECK(registry.unit_states() == std::vector<UnitState>{here, there});
  CHECK(
      value("states/g.service/m1") ==
      R"({"loadState":"loaded","activeState":"active","subState":"running","machineState":{"ID":"m1","PublicIP":"","Metadata":null,"Capabilities":null,"Version":""},"unitHash":")" +
          std::string(kHash) + "\"}");
  CHECK(value("state/g.service") == value("states/g.service/m1"));

  pass(20s);
  CHECK(registry.refresh_state(here, 30s));
  pass(15s);
  CHECK(registry.unit_states() == std::vector<UnitState>{here});
  CHECK_FALSE(registry.refresh_state(there, 30s));

  registry.remove_state("g.service", "m2");
  CHECK(value("state/g.service") != "(none)");
  registry.remove_state("g.service", "m1");
  CHECK(value("state/g.service") == "(none)");
  CHECK(registry.unit_states().empty());
}

TEST_CASE_FIXTURE(Fixture, "a machine lives as long as it says so") {
  const Machine machine{"m1", "10.0.0.1", {{"disk", "ssd"}, {"a", "b"}}, "0.1.0"};
  CHECK(registry.register_machine(machine, 30s));
  CHECK(
      value("machines/m1/object") ==
      R"({"ID":"m1","PublicIP":"10.0.0.1","Metadata":{"a":"b","disk":"ssd"},"Capabilities":{"GRPC":false},"Version":"0.1.0"})");
  CHECK(registry.machines() == std::vector<Machine>{machine});
  pass(20s);
  CHECK(registry.refresh_machine(machine, 30s));
  pass(20s);
  CHECK(registry.machines().size() == 1);
  pass(11s);
  CHECK(registry.machines().empty());
  CHECK_FALSE(registry.refresh_machine(machine, 30s));
}

TEST_CASE_FIXTURE(Fixture, "a machine may come back, but two with one id are found out") {
  const Machine machine{"m1", "10.0.0.1", {}, "0.1.0"};
  CHECK(registry.register_machine(machine, 30s));
  CHECK(registry.register_machine(machine, 30s));
  CHECK_FALSE(registry.register_machine({"m1", "10.0.0.2", {}, "0.1.0"}, 30s));
  CHECK(registry.machines()[0].public_ip == "10.0.0.1");
}

TEST_CASE_FIXTURE(Fixture, "metadata set at run time goes on top, and alone makes no machine") {
  registry.register_machine({"m1", "", {{"disk", "ssd"}, {"gone", "x"}}, ""}, 30s);
  put("machines/m1/metadata/disk", "hdd");
  put("machines/m1/metadata/gone", "");
  put("machines/m2/metadata/disk", "hdd");
  REQUIRE(registry.machines().size() == 1);
  CHECK(registry.machines()[0].metadata == std::map<std::string, std::string>{{"disk", "hdd"}});
}

TEST_CASE_FIXTURE(Fixture, "what does not belong in the store is left out") {
  registry.create_unit("hello.service", hello);
  put("job/no-object.service/target-state", "launched");
  put("job/broken.service/object", "{");
  put("job/short.service/object", R"({"Name":"short.service","UnitHash":[1,2,3]})");
  put("job/big.service/object",
      R"({"Name":"big.service","UnitHash":[999,111,182,243,104,75,175,176,193,115,216,184,185,87,206,255,3,17,128,193]})");
  put("job/lost.service/object", write_job("lost.service", std::string(40, 'a')));
  put("job/bad name.service/object", write_job("bad name.service", kHash));
  put("states/a.service/m1", "nonsense");
  put("machines/m1/object", "[]");
  CHECK(registry.units().size() == 1);
  CHECK(registry.unit_states().empty());
  CHECK(registry.machines().empty());
}

TEST_CASE_FIXTURE(Fixture, "a unit file that is not what its hash says is not used") {
  put("job/evil.service/object", write_job("evil.service", kHash));
  put("unit/" + std::string(kHash), R"({"Raw":"[Service]\nExecStart=/bin/evil\n"})");
  CHECK_FALSE(registry.unit("evil.service"));
}

TEST_CASE_FIXTURE(Fixture, "a destroyed unit leaves nothing of its job behind") {
  registry.create_unit("hello.service", hello);
  registry.schedule("hello.service", "m1");
  CHECK(registry.destroy_unit("hello.service"));
  CHECK_FALSE(registry.unit("hello.service"));
  CHECK(registry.units().empty());
  CHECK_FALSE(registry.destroy_unit("hello.service"));
}

TEST_CASE_FIXTURE(Fixture, "an outage is an error, never an empty answer") {
  registry.create_unit("hello.service", hello);
  store.set_down(true);
  CHECK_THROWS_AS(registry.units(), base::Error);
  CHECK_THROWS_AS(registry.machines(), base::Error);
  store.set_down(false);
  CHECK(registry.units().size() == 1);
}

TEST_CASE("records of other fleet versions are read") {
  CHECK(read_machine(R"({"ID":"m","PublicIP":"1.2.3.4","Metadata":null,"Version":"0.9.1"})")->public_ip == "1.2.3.4");
  CHECK(read_lease(R"({"MachineID":"m","Version":1})")->machine_id == "m");
  CHECK_FALSE(read_lease("m"));
  CHECK_FALSE(read_state("[1]", "a.service"));
  CHECK_FALSE(read_state(R"({"loadState":5})", "a.service"));
}
