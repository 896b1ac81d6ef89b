// The commands against a whole small cluster in memory: store, engine and one agent, which work while a command waits.
#include "sched/commands.h"

#include <doctest/doctest.h>

#include <sstream>

#include "base/error.h"
#include "base/fake_systemd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/temp_dir.h"
#include "kv/client/memory_client.h"
#include "sched/agent.h"
#include "sched/engine.h"
#include "sched/publisher.h"

using namespace sched;
using namespace std::chrono_literals;

namespace {

constexpr const char* kMe = "113f16a7000000000000000000000000";
constexpr const char* kLegend = "113f16a7.../172.17.8.103";
constexpr const char* kOther = "e55c0ae5000000000000000000000000";

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> daemon_client = store.client();
  std::unique_ptr<kv::Client> client = store.client();
  Registry daemon_registry{*daemon_client};
  Registry registry{*client};
  base::TempDir temp;
  base::FakeSystemd systemd;
  UnitDirectory directory{temp.path() + "/units"};
  Agent agent{systemd, directory, kMe};
  Publisher publisher{daemon_registry, kMe, 3600s, clock};
  Lease lease{*daemon_client, "/_coreos.com/fleet/lease/engine-leader", kMe, 10s, clock};
  Engine engine{daemon_registry, lease, clock};
  bool daemon_runs = true;
  bool engine_runs = true;

  std::ostringstream out, err;
  Session session{registry, out, err, clock, [this](std::chrono::milliseconds time) { pause(time); }, kMe};
  Machine machine{kMe, "172.17.8.103", {{"region", "us-east"}, {"disk", "ssd"}}, "0.1.0"};

  Fixture() { daemon_registry.register_machine(machine, 36000s); }

  void pause(std::chrono::milliseconds time) {
    clock.advance(time);
    store.expire();
    if (daemon_runs) work();
  }
  void work() {
    if (engine_runs) engine.run();
    const auto units = daemon_registry.units();
    std::map<std::string, DesiredUnit> desired;
    for (const auto* unit : units_for(machine, units)) desired[unit->name] = {unit->hash, unit->file, unit->desired};
    agent.reconcile(desired);
    publisher.publish(agent.states(), agent.launched());
  }

  std::string file(const std::string& name, const std::string& text = "[Service]\nExecStart=/bin/sleep 100\n") {
    const auto path = temp.path() + "/" + name;
    base::write_file_atomic(path, text);
    return path;
  }
  std::string taken(std::ostringstream& stream) {
    auto text = stream.str();
    stream.str("");
    return text;
  }
  std::string said() { return taken(out); }
  std::string complained() { return taken(err); }
};

// What the daemon's parts log while they work is no test's business.
const bool kQuiet = (base::set_log_level(base::LogLevel::kError), true);

const Patience kEndless;
const Patience kOnce{.attempts = 1};
const Patience kNoBlock{.block = false};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "start submits, places and starts a unit, in fleet's words") {
  CHECK(start_units(session, {file("hello.service")}, false, kEndless) == 0);
  CHECK(said() == "Unit hello.service inactive\nUnit hello.service launched on " + std::string(kLegend) + "\n");
  CHECK(complained().empty());
  CHECK(systemd.units["hello.service"].active_state == "active");

  CHECK(start_units(session, {"hello"}, false, kEndless) == 0);
  CHECK(said().empty());
}

TEST_CASE_FIXTURE(Fixture, "the way of a unit: submit, load, start, stop, unload, destroy") {
  const auto path = file("hello.service");
  CHECK(submit_units(session, {path}, false, kEndless) == 0);
  CHECK(said() == "Unit hello.service inactive\n");
  CHECK(load_units(session, {path}, false, kEndless) == 0);
  CHECK(said() == "Unit hello.service loaded on " + std::string(kLegend) + "\n");
  CHECK(start_units(session, {path}, false, kEndless) == 0);
  CHECK(said() == "Unit hello.service launched on " + std::string(kLegend) + "\n");
  CHECK(stop_units(session, {path}, kEndless) == 0);
  CHECK(said() == "Unit hello.service loaded on " + std::string(kLegend) + "\n");
  CHECK(complained() == "Successfully stopped units [hello.service].\n");
  CHECK(unload_units(session, {path}, kEndless) == 0);
  CHECK(said() == "Unit hello.service inactive\n");
  CHECK(complained() == "Successfully unloaded units [hello.service].\n");
  CHECK(destroy_units(session, {path}, kEndless) == 0);
  CHECK(said() == "Destroyed hello.service\n");
  CHECK(complained().empty());
  CHECK(registry.units().empty());
}

TEST_CASE_FIXTURE(Fixture, "destroying a running unit waits until it has stopped") {
  start_units(session, {file("hello.service")}, false, kEndless);
  CHECK(destroy_units(session, {"hello.service"}, kEndless) == 0);
  CHECK_FALSE(systemd.units.contains("hello.service"));
  CHECK(registry.unit_states().empty());
}

TEST_CASE_FIXTURE(Fixture, "without blocking, each unit is said once") {
  submit_units(session, {file("a.service"), file("b.service")}, false, kEndless);
  said();
  CHECK(start_units(session, {"a", "b"}, false, kNoBlock) == 0);
  CHECK(said() == "Triggered unit a.service start\nTriggered unit b.service start\n");
  work();
  CHECK(stop_units(session, {"a", "b"}, kNoBlock) == 0);
  CHECK(said() == "Triggered unit a.service stop\nTriggered unit b.service stop\n");
  CHECK(destroy_units(session, {"a", "b"}, kNoBlock) == 0);
  CHECK(said() == "Destroyed a.service\nDestroyed b.service\n");
}

TEST_CASE_FIXTURE(Fixture, "global units are triggered, never waited for") {
  const auto path = file("g.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\n");
  CHECK(start_units(session, {path}, false, kEndless) == 0);
  CHECK(said() == "Unit g.service inactive\nTriggered global unit g.service start\n");
  work();
  CHECK(systemd.units["g.service"].active_state == "active");
  CHECK(stop_units(session, {"g"}, kEndless) == 0);
  CHECK(said() == "Triggered global unit g.service stop\n");
  CHECK(unload_units(session, {"g"}, kEndless) == 0);
  CHECK(said() == "Triggered global unit g.service unload\n");
}

TEST_CASE_FIXTURE(Fixture, "a unit that does not become active: exit code 1 and why") {
  systemd.fail_to_start.insert("bad.service");
  CHECK(start_units(session, {file("bad.service")}, false, kEndless) == 1);
  CHECK(said() == "Unit bad.service inactive\nUnit bad.service launched on " + std::string(kLegend) + "\n");
  CHECK(complained() ==
        "Error waiting for units: Failed to find an active unit bad.service within 2s (it is failed, failed)\n");
}

TEST_CASE_FIXTURE(Fixture, "a unit that is active only for a moment has not started") {
  const auto path = file("brief.service");
  bool once = false;
  session.pause = [&](std::chrono::milliseconds time) {
    if (registry.unit("brief.service")->heartbeat == kMe) {
      if (once) systemd.units["brief.service"].active_state = "failed";
      once = true;
    }
    pause(time);
  };
  CHECK(start_units(session, {path}, false, kEndless) == 1);
  CHECK(complained().contains("Failed to find an active unit brief.service within 2s (it is failed"));
}

TEST_CASE_FIXTURE(Fixture, "a unit that nobody places: patience runs out, or a hint says why it waits") {
  const auto path = file("picky.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineMetadata=disk=tape\n");
  CHECK(start_units(session, {path}, false, Patience{.attempts = 2}) == 1);
  CHECK(complained() ==
        "Unit picky.service is not scheduled yet; still waiting:\n"
        "  113f16a7.../172.17.8.103: local Machine metadata insufficient\n"
        "Error waiting for units: timed out waiting for unit picky.service to report state launched\n");
}

TEST_CASE_FIXTURE(Fixture, "a machine without schedd: the submit works, the start runs out of patience") {
  daemon_runs = false;
  CHECK(start_units(session, {file("hello.service")}, false, kOnce) == 1);
  CHECK(said() == "Unit hello.service inactive\n");
  CHECK(complained() == "Error waiting for units: timed out waiting for unit hello.service to report state launched\n");
}

TEST_CASE_FIXTURE(Fixture, "instances come from the local template or from the store's") {
  file("web@.service", "[Service]\nExecStart=/bin/web %i\n[X-Fleet]\nConflicts=%p@*.service\n");
  CHECK(start_units(session, {temp.path() + "/web@1.service"}, false, kEndless) == 0);
  CHECK(said() == "Unit web@1.service inactive\nUnit web@1.service launched on " + std::string(kLegend) + "\n");
  CHECK(submit_units(session, {temp.path() + "/web@.service"}, false, kEndless) == 0);
  base::remove_file(temp.path() + "/web@.service");
  CHECK(submit_units(session, {"web@2"}, false, kEndless) == 0);
  CHECK(registry.unit("web@2.service")->hash == registry.unit("web@.service")->hash);
  said();
  CHECK(start_units(session, {"web@.service"}, false, kEndless) == 1);
  CHECK(complained() == "Error starting units: cannot activate template \"web@.service\"\n");
}

TEST_CASE_FIXTURE(Fixture, "what cannot be submitted is refused with the reason, and nothing is stored") {
  CHECK(submit_units(session, {"nowhere"}, false, kEndless) == 1);
  CHECK(complained() == "Error creating units: unable to find Unit(nowhere.service) in Registry or on filesystem\n");
  CHECK(submit_units(session, {"web@3"}, false, kEndless) == 1);
  CHECK(complained().contains("unable to find template Unit(web@.service) in Registry or on filesystem"));
  CHECK(submit_units(session, {file("a.service", "[Unit]\nnonsense\n")}, false, kEndless) == 1);
  CHECK(complained().contains("line 2: expected NAME=VALUE"));
  CHECK(submit_units(session, {file("b.service", "[X-Fleet]\nMachineID=x\nGlobal=1\n")}, false, kEndless) == 1);
  CHECK(complained() == "Error creating units: MachineID cannot be used with Global\n");
  CHECK(submit_units(session, {file("c.service", "# nothing\n")}, false, kEndless) == 1);
  CHECK(submit_units(session, {file("d.service", "[A]\na=1\n[B]\nb=1\n[A]\nc=2 \\")}, false, kEndless) == 1);
  CHECK(complained().contains("has a value that ends in a backslash"));
  CHECK(submit_units(session, {"bad name"}, false, kEndless) == 1);
  CHECK(complained().contains("invalid character ' ' in unit name"));
  CHECK(submit_units(session, {}, false, kEndless) == 2);
  CHECK(complained() == "No units given\n");
  CHECK(registry.units().empty());
  CHECK(said().empty());
}

TEST_CASE_FIXTURE(Fixture, "an unknown key in [X-Fleet] is warned about") {
  CHECK(submit_units(session, {file("a.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nColour=red\n")}, false,
                     kEndless) == 0);
  CHECK(complained() == "WARNING: Unit a.service: unrecognized requirement in [X-Fleet] section: \"Colour\"\n");
}

TEST_CASE_FIXTURE(Fixture, "a local file that differs: a warning, or the replacement") {
  const auto path = file("hello.service");
  start_units(session, {path}, false, kEndless);
  said();
  file("hello.service", "[Service]\nExecStart=/bin/new\n");
  CHECK(start_units(session, {path}, false, kEndless) == 0);
  CHECK(complained() == "WARNING: Unit hello.service in registry differs from local unit file " + path +
                            ". Add --replace to override.\n");
  CHECK(submit_units(session, {path}, true, kEndless) == 0);
  CHECK(complained() ==
        "Warning: can not replace Unit(hello.service) in state 'launched', use the appropriate command\n");
  CHECK(start_units(session, {path}, true, kEndless) == 0);
  CHECK(said() == "Unit hello.service inactive\nUnit hello.service launched on " + std::string(kLegend) + "\n");
  CHECK(base::read_file(directory.path_of("hello.service")) == "[Service]\nExecStart=/bin/new\n");
  CHECK(start_units(session, {path}, true, kEndless) == 0);
  CHECK(said() == "Found same Unit(hello.service) in Registry, nothing to do\n");
}

TEST_CASE_FIXTURE(Fixture, "a template file that differs is named") {
  file("web@.service", "[Service]\nExecStart=/bin/web\n");
  const auto instance = temp.path() + "/web@1.service";
  submit_units(session, {instance}, false, kEndless);
  file("web@.service", "[Service]\nExecStart=/bin/newer\n");
  submit_units(session, {instance}, false, kEndless);
  CHECK(complained() == "WARNING: Unit web@1.service in registry differs from local template unit file " + temp.path() +
                            "/web@.service. Add --replace to override.\n");
}

TEST_CASE_FIXTURE(Fixture, "stop and restart refuse what does not run; unknown units are said") {
  submit_units(session, {file("a.service")}, false, kEndless);
  CHECK(stop_units(session, {"a"}, kEndless) == 1);
  CHECK(complained() == "Unable to stop unit a.service in state inactive\n");
  CHECK(restart_units(session, {"a"}, kEndless) == 1);
  CHECK(complained() == "Unable to restart unit a.service in state inactive\n");
  CHECK(stop_units(session, {"b"}, kEndless) == 0);
  CHECK(complained() == "Units not found in registry\n");
  CHECK(destroy_units(session, {"a", "b"}, kEndless) == 0);
  CHECK(complained() == "Unit b.service not found\n");
  CHECK(stop_units(session, {}, kEndless) == 2);
}

TEST_CASE_FIXTURE(Fixture, "restart stops and starts") {
  start_units(session, {file("a.service")}, false, kEndless);
  said();
  systemd.calls.clear();
  CHECK(restart_units(session, {"a"}, kEndless) == 0);
  CHECK(said() == "Unit a.service loaded on " + std::string(kLegend) + "\nUnit a.service launched on " +
                      std::string(kLegend) + "\n");
  CHECK(complained() == "Successfully restarted units [a.service].\n");
  CHECK(systemd.calls == std::vector<std::string>{"stop a.service", "start a.service"});
}

TEST_CASE_FIXTURE(Fixture, "list-units") {
  const ListOptions options{"unit,machine,active,sub"};
  CHECK(list_units(session, options) == 0);
  CHECK(said() == "UNIT\tMACHINE\tACTIVE\tSUB\n");
  start_units(session, {file("hello.service")}, false, kEndless);
  said();
  CHECK(list_units(session, options) == 0);
  CHECK(said() ==
        "UNIT\t\tMACHINE\t\t\t\tACTIVE\tSUB\n"
        "hello.service\t113f16a7.../172.17.8.103\tactive\trunning\n");
  CHECK(list_units(session, {"unit,load,hash", true, false}) == 0);
  CHECK(said() == "hello.service\tloaded\t1c6fb6f3684bafb0c173d8b8b957ceff031180c1\n");
  CHECK(list_units(session, {"unit,colour"}) == 1);
  CHECK(complained() ==
        "Invalid key in output format: \"colour\"\nValid keys are active, hash, load, machine, sub, unit\n");
  CHECK(list_units(session, {""}) == 1);
  CHECK(complained() == "Must define output format\n");
}

TEST_CASE_FIXTURE(Fixture, "list-unit-files") {
  start_units(session, {file("hello.service")}, false, kEndless);
  submit_units(session, {file("g.service", "[Unit]\nDescription=Everywhere\n[X-Fleet]\nGlobal=true\n")}, false,
               kEndless);
  said();
  CHECK(list_unit_files(session, {"unit,hash,dstate,state,target"}) == 0);
  const auto hash = registry.unit("g.service")->hash.substr(0, 7);
  CHECK(said() ==
        "UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET\n"
        "g.service\t" +
            hash +
            "\tinactive\t-\t\tglobal\n"
            "hello.service\t1c6fb6f\tlaunched\tlaunched\t113f16a7.../172.17.8.103\n");
  CHECK(list_unit_files(session, {"unit,desc,global,tmachine", false, false}) == 0);
  CHECK(said() == "g.service\tEverywhere\ttrue\tglobal\nhello.service\t-\t\tfalse\t113f16a7.../172.17.8.103\n");
  CHECK(complained() == "WARNING: The \"tmachine\" field is deprecated. Use \"target\" instead\n");
}

TEST_CASE_FIXTURE(Fixture, "list-machines") {
  registry.register_machine({kOther, "", {}, ""}, 3600s);
  CHECK(list_machines(session, {"machine,ip,metadata"}) == 0);
  CHECK(said() ==
        "MACHINE\t\tIP\t\tMETADATA\n"
        "113f16a7...\t172.17.8.103\tdisk=ssd,region=us-east\n"
        "e55c0ae5...\t-\t\t-\n");
  CHECK(list_machines(session, {"machine", true, false}) == 0);
  CHECK(said() == std::string(kMe) + "\n" + kOther + "\n");
}

TEST_CASE_FIXTURE(Fixture, "cat prints the file as the store has it") {
  submit_units(session, {file("a.service", "# comment\n[Service]\nExecStart = /bin/a\n")}, false, kEndless);
  said();
  CHECK(cat_units(session, {"a"}) == 0);
  CHECK(said() == "[Service]\nExecStart=/bin/a\n");
  CHECK(cat_units(session, {"b", "a"}) == 1);
  CHECK(complained() == "Unit b.service not found\n");
}

TEST_CASE_FIXTURE(Fixture, "status: here it is shown, elsewhere it is said where") {
  std::vector<std::string> shown;
  const auto show = [&](const std::string& unit) {
    shown.push_back(unit);
    return 3;
  };
  CHECK(status_units(session, {"a"}, show) == 1);
  CHECK(complained() == "Unit a.service does not exist.\n");
  submit_units(session, {file("a.service")}, false, kEndless);
  CHECK(status_units(session, {"a"}, show) == 1);
  CHECK(complained() == "Unit a.service does not appear to be loaded.\n");
  start_units(session, {"a"}, false, kEndless);
  CHECK(status_units(session, {"a"}, show) == 3);
  CHECK(shown == std::vector<std::string>{"a.service"});

  session.machine_id = kOther;
  CHECK(status_units(session, {"a"}, show) == 1);
  CHECK(complained() == "Unit a.service is active (running) on " + std::string(kLegend) +
                            ": run 'fleetctl status a.service' there to see more\n");
}

TEST_CASE_FIXTURE(Fixture, "a store that is down is an error, not an empty list") {
  store.set_down(true);
  CHECK_THROWS_AS(list_units(session, {"unit"}), base::Error);
  CHECK_THROWS_AS(start_units(session, {"a"}, false, kEndless), base::Error);
}
