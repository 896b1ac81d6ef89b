// The verdict of `clusterctl status` on made-up facts, on the screen and as JSON.

#include "clusterctl/status.h"

#include <doctest/doctest.h>

using namespace clusterctl;

namespace {

Facts well() {
  Facts facts;
  facts.version = "0.1.0";
  facts.host = "one";
  facts.machine_id = "0123";
  facts.address = "10.0.0.1";
  facts.store = {
      .endpoints = "http://127.0.0.1:2379", .healthy = true, .latency = std::chrono::microseconds(1500), .error = ""};
  facts.system_state = "running";
  facts.units = {{.name = "kvd.service",
                  .load_state = "loaded",
                  .active_state = "active",
                  .sub_state = "running",
                  .memory = 10 << 20}};
  facts.scheduled = {{.name = "hello.service", .active_state = "active", .sub_state = "running"}};
  updater::Inspection disk;
  disk.slots = {updater::Slot{}};
  disk.slots[0].name = "A";
  disk.slots[0].version = "0.1.0";
  disk.slots[0].running = true;
  disk.blessing.state = updater::Blessed::kGood;
  facts.disk = disk;
  return facts;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a machine that is well") {
  const Facts facts = well();
  CHECK(problems(facts).empty());
  const base::Json json = to_json(facts, {});
  CHECK(json["healthy"] == true);
  CHECK(json["slot"]["name"] == "A");
  CHECK(json["boot"]["state"] == "good");
  CHECK(json["store"]["latency_ms"] == 1.5);
  CHECK(json["memory_bytes"] == 10 << 20);
  const std::string screen = to_screen(facts, {});
  CHECK(screen.find("slot A, version 0.1.0, blessed in this boot") != std::string::npos);
  CHECK(screen.ends_with("This machine is well.\n"));
}

TEST_CASE("every kind of trouble is one line") {
  Facts facts = well();
  facts.store = {.endpoints = "x", .healthy = false, .latency = {}, .error = "connection refused"};
  facts.units[0].problem = "kvd.service is failed (failed)";
  facts.failed = {"kvd.service", "other.service", "hello.service"};
  facts.scheduled[0].active_state = "failed";
  facts.disk->blessing = {updater::Blessed::kIndeterminate, 2, 1};
  const Lines wrong = problems(facts);
  CHECK(wrong == Lines{"the store is not healthy: connection refused", "kvd.service is failed (failed)",
                       "other.service has failed", "hello.service has failed",
                       "the boot is not blessed: not blessed yet, 2 tries left"});
  CHECK(to_json(facts, wrong)["healthy"] == false);
  CHECK(to_json(facts, wrong)["problems"].size() == 5);
  CHECK(to_screen(facts, wrong).find("NOT well:\n  - the store is not healthy: connection refused\n") !=
        std::string::npos);
}

TEST_CASE("a machine without systemd, slots and a scheduler says so") {
  Facts facts = well();
  facts.systemd_error = "no systemd here";
  facts.units.clear();
  facts.disk.reset();
  facts.disk_error = "not a ClusterOS disk";
  facts.scheduled_error = "broken";
  CHECK(problems(facts) == Lines{"the scheduler's units cannot be read: broken",
                                 "systemd cannot be asked: no systemd here",
                                 "the slots cannot be read: not a ClusterOS disk"});
  CHECK(to_json(facts, {})["slot"].is_null());
}
