// What makes a machine unhealthy, and what does not.

#include "updater/health.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fake_systemd.h"
#include "kv/client/memory_client.h"
#include "updater/daemon.h"

using namespace updater;

namespace {

// systemd as the test wants it, with properties by "unit/Name".
class Systemd : public base::FakeSystemd {
 public:
  std::map<std::string, std::string> properties;
  void put(const std::string& name, const std::string& active, const std::string& sub) {
    units[name] = {.name = name, .description = "", .load_state = "loaded", .active_state = active, .sub_state = sub};
  }
  std::optional<std::string> property(const std::string& unit, const std::string&, const std::string& name) override {
    const auto found = properties.find(unit + "/" + name);
    return found == properties.end() ? std::nullopt : std::optional(found->second);
  }
};

struct Machine {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();
  Systemd systemd;

  std::vector<std::string> problems() {
    return health_problems(*client, [this] { return std::make_unique<Systemd>(systemd); });
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("store and units well: nothing to say; units that are not installed do not matter") {
  Machine machine;
  machine.systemd.put("kvd.service", "active", "running");
  CHECK(machine.problems().empty());
}

TEST_CASE("a failed or restarting unit of ours is a problem, another one's is not") {
  Machine machine;
  machine.systemd.put("kvd.service", "failed", "failed");
  machine.systemd.put("schedd.service", "activating", "auto-restart");
  machine.systemd.put("hello.service", "failed", "failed");
  CHECK(machine.problems() == Lines{"kvd.service is failed (failed)", "schedd.service is activating (auto-restart)"});
}

TEST_CASE("a one-shot that ended well is fine, so is what the operator turned off") {
  Machine machine;
  machine.systemd.put("bootstrap.service", "inactive", "dead");
  CHECK(machine.problems() == Lines{"bootstrap.service is inactive (dead)"});
  machine.systemd.properties = {{"bootstrap.service/Type", "oneshot"}, {"bootstrap.service/Result", "success"}};
  CHECK(machine.problems().empty());
  machine.systemd.put("schedd.service", "inactive", "dead");
  machine.systemd.properties["schedd.service/UnitFileState"] = "disabled";
  CHECK(machine.problems().empty());
}

TEST_CASE("a store that is away and a missing systemd are problems") {
  Machine machine;
  machine.store.set_down(true);
  const Lines problems = health_problems(*machine.client, []() -> std::unique_ptr<base::Systemd> {
    throw base::Error("connect", "systemd", "there is none");
  });
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].starts_with("the store does not answer"));
  CHECK(problems[1] == "systemd cannot be asked: connect systemd: there is none");
}

TEST_CASE("the report is written when it changes, and its lease renewed when it does not") {
  Machine machine;
  MachineReport report;
  report.machine_id = "0123";
  report.disk_error = "no disk";
  const std::string key = machine_key("0123");
  CHECK(key == "/clusteros/updater/machines/0123");
  Publisher publisher(*machine.client, key);
  publisher.publish(base::to_text(to_json(report)));
  const auto first = machine.client->get(key).value();
  CHECK(base::parse_json(first.value, key)["healthy"] == true);
  CHECK(base::parse_json(first.value, key)["slot"].is_null());

  machine.clock.advance(kReportTtl - std::chrono::seconds(1));
  publisher.publish(base::to_text(to_json(report)));
  machine.clock.advance(kReportTtl - std::chrono::seconds(1));
  machine.store.expire();
  const auto renewed = machine.client->get(key).value();
  CHECK(renewed.value == first.value);

  report.problems = {"kvd.service is failed (failed)"};
  publisher.publish(base::to_text(to_json(report)));
  CHECK(base::parse_json(machine.client->get(key)->value, key)["healthy"] == false);

  machine.clock.advance(kReportTtl + std::chrono::seconds(1));
  machine.store.expire();
  CHECK_FALSE(machine.client->get(key));
  publisher.publish(base::to_text(to_json(report)));
  CHECK(machine.client->get(key));
}
