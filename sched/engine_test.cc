#include "sched/engine.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "kv/client/memory_client.h"
#include "sched/publisher.h"

using namespace sched;
using namespace std::chrono_literals;

namespace {

constexpr const char* kLeaseKey = "/_coreos.com/fleet/lease/engine-leader";

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};

  struct Node {
    Node(Fixture& fixture, const std::string& id)
        : client(fixture.store.client()),
          registry(*client),
          lease(*client, kLeaseKey, id, 10s, fixture.clock),
          engine(registry, lease, fixture.clock) {}
    std::unique_ptr<kv::Client> client;
    Registry registry;
    Lease lease;
    Engine engine;
  };
  Node a{*this, "ma"};
  Node b{*this, "mb"};

  void pass(std::chrono::seconds time) {
    clock.advance(time);
    store.expire();
  }
  void submit(const std::string& name, JobState state) {
    a.registry.create_unit(name, UnitFile::parse("[Service]\nExecStart=/bin/true\n", name));
    a.registry.set_desired(name, state);
  }
  std::string target(const std::string& name) { return b.registry.unit(name)->target; }
  void settle(Node& node) {
    node.engine.run();
    pass(std::chrono::seconds(Engine::kSettleTime));
    node.engine.run();
  }
};

const auto kLaunched = JobState::kLaunched;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "one leads, the other waits until the lease is released or has run out") {
  CHECK(a.lease.hold());
  CHECK_FALSE(b.lease.hold());
  CHECK(b.client->get(kLeaseKey)->value == R"({"MachineID":"ma","Version":1})");
  a.lease.release();
  CHECK(b.lease.hold());
  CHECK_FALSE(a.lease.hold());
  pass(11s);
  CHECK(a.lease.hold());
  CHECK_FALSE(b.lease.hold());
}

TEST_CASE_FIXTURE(Fixture, "a holder renews in time, and never believes in a lease that may have run out") {
  CHECK(a.lease.hold());
  for (int i = 0; i < 20; ++i) {
    pass(2s);
    CHECK(a.lease.hold());
    CHECK_FALSE(b.lease.hold());
  }
  pass(11s);
  CHECK(b.lease.hold());
  CHECK_FALSE(a.lease.hold());
}

TEST_CASE_FIXTURE(Fixture, "a newer engine takes over from an older one, not the reverse") {
  Lease newer(*b.client, kLeaseKey, "mb", 10s, clock, kEngineVersion + 1);
  CHECK(a.lease.hold());
  CHECK(newer.hold());
  CHECK_FALSE(a.lease.hold());
  CHECK_FALSE(a.lease.hold());
}

TEST_CASE_FIXTURE(Fixture, "after a restart a machine gets its own lease back at once") {
  CHECK(a.lease.hold());
  Lease again(*a.client, kLeaseKey, "ma", 10s, clock);
  CHECK(again.hold());
}

TEST_CASE_FIXTURE(Fixture, "the leader places units, and only the leader") {
  a.registry.register_machine({"ma", "10.0.0.1", {}, ""}, 300s);
  b.registry.register_machine({"mb", "10.0.0.2", {}, ""}, 300s);
  submit("x.service", kLaunched);
  submit("y.service", JobState::kLoaded);
  submit("z.service", JobState::kInactive);
  a.engine.run();
  CHECK(a.engine.leads());
  CHECK(target("x.service") == "ma");
  CHECK(target("y.service") == "mb");
  CHECK(target("z.service").empty());
  CHECK(b.client->get("/_coreos.com/fleet/engine/version")->value == "1");

  submit("w.service", kLaunched);
  b.engine.run();
  CHECK_FALSE(b.engine.leads());
  CHECK(target("w.service").empty());
}

TEST_CASE_FIXTURE(Fixture, "a dead machine's units move when its key has run out") {
  a.registry.register_machine({"ma", "", {}, ""}, 300s);
  b.registry.register_machine({"mb", "", {}, ""}, 30s);
  submit("x.service", kLaunched);
  submit("y.service", kLaunched);
  settle(a);
  REQUIRE(target("y.service") == "mb");
  pass(6s);
  a.engine.run();
  pass(6s);
  a.engine.run();
  CHECK(target("y.service") == "mb");
  pass(9s);
  a.engine.run();
  CHECK(target("y.service") == "ma");
}

TEST_CASE_FIXTURE(Fixture, "after an outage in which every key ran out nothing moves: machines get time to come back") {
  a.registry.register_machine({"ma", "", {}, ""}, 30s);
  b.registry.register_machine({"mb", "", {}, ""}, 30s);
  submit("x.service", kLaunched);
  submit("y.service", kLaunched);
  settle(a);
  REQUIRE(target("y.service") == "mb");

  store.set_down(true);
  for (int i = 0; i < 30; ++i) {
    clock.advance(10s);
    CHECK_THROWS_AS(a.engine.run(), base::Error);
  }
  store.set_down(false);
  store.expire();
  a.engine.run();
  CHECK(a.registry.machines().empty());
  CHECK(target("x.service") == "ma");
  CHECK(target("y.service") == "mb");
  a.registry.register_machine({"ma", "", {}, ""}, 300s);
  a.engine.run();
  CHECK(target("y.service") == "mb");

  for (int i = 0; i < 6; ++i) {  // mb does not come back
    pass(2s);
    a.engine.run();
  }
  CHECK(target("x.service") == "ma");
  CHECK(target("y.service") == "ma");
}

TEST_CASE_FIXTURE(Fixture, "states and heartbeats are written on change, kept alive, and taken back") {
  Publisher publisher(a.registry, "ma", 30s, clock);
  const UnitState running{"x.service", "ma", "loaded", "active", "running", "h"};
  submit("x.service", kLaunched);
  publisher.publish({running}, {"x.service"});
  CHECK(b.registry.unit_states() == std::vector<UnitState>{running});
  CHECK(b.registry.unit("x.service")->heartbeat == "ma");
  const auto written = b.client->get("/_coreos.com/fleet/states/x.service/ma")->modified_index;
  publisher.publish({running}, {"x.service"});
  CHECK(b.client->get("/_coreos.com/fleet/states/x.service/ma")->modified_index == written);

  for (int i = 0; i < 10; ++i) {
    pass(10s);
    publisher.publish({running}, {"x.service"});
    REQUIRE(b.registry.unit_states().size() == 1);
    REQUIRE(b.registry.unit("x.service")->heartbeat == "ma");
  }
  auto failed = running;
  failed.active = "failed";
  publisher.publish({failed}, {"x.service"});
  CHECK(b.registry.unit_states() == std::vector<UnitState>{failed});
  publisher.publish({failed}, {});
  CHECK(b.registry.unit("x.service")->heartbeat.empty());
  publisher.publish({}, {});
  CHECK(b.registry.unit_states().empty());
}

TEST_CASE_FIXTURE(Fixture, "what ran out during an outage is written again") {
  Publisher publisher(a.registry, "ma", 30s, clock);
  const UnitState running{"x.service", "ma", "loaded", "active", "running", "h"};
  submit("x.service", kLaunched);
  publisher.publish({running}, {"x.service"});
  store.set_down(true);
  clock.advance(300s);
  CHECK_THROWS_AS(publisher.publish({running}, {"x.service"}), base::Error);
  store.set_down(false);
  store.expire();
  CHECK(b.registry.unit_states().empty());
  publisher.publish({running}, {"x.service"});
  CHECK(b.registry.unit_states().size() == 1);
  CHECK(b.registry.unit("x.service")->heartbeat == "ma");
}
