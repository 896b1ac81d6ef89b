#include "sched/agent.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/fake_systemd.h"
#include "base/file.h"
#include "base/temp_dir.h"

using namespace sched;

namespace {

// systemd whose units take their time, or that is broken.
class SlowSystemd : public base::FakeSystemd {
 public:
  bool refuses_to_stop = false;
  bool cannot_reload = false;
  bool is_gone = false;
  std::string stop(const std::string& unit, std::chrono::milliseconds timeout) override {
    if (!refuses_to_stop) return FakeSystemd::stop(unit, timeout);
    calls.push_back("stop " + unit);
    units.at(unit).active_state = "deactivating";
    return "timeout";
  }
  void reload() override {
    FakeSystemd::reload();
    if (cannot_reload) throw base::Error("reload", "systemd", "no");
  }
  std::string system_state() override {
    if (is_gone) throw base::Error("read", "SystemState", "connection closed");
    return "running";
  }
};

using Lines = std::vector<std::string>;
using Desired = std::map<std::string, DesiredUnit>;

struct Fixture {
  base::TempDir temp;
  std::string path = temp.path() + "/units";
  SlowSystemd systemd;
  UnitDirectory directory{path};
  Agent agent{systemd, directory, "m1"};

  static DesiredUnit want(JobState state, const std::string& text = "[Service]\nExecStart=/bin/true\n") {
    auto file = std::make_shared<UnitFile>(UnitFile::parse(text, "test"));
    return {file->hash(), file, state};
  }
  Agent::Result reconcile(const Desired& desired) {
    systemd.calls.clear();
    return agent.reconcile(desired);
  }
  std::string file(const std::string& name) { return base::read_file_if_exists(path + "/" + name).value_or("(none)"); }
};

const auto kLaunched = JobState::kLaunched;
const auto kLoaded = JobState::kLoaded;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a unit is written, linked, read by systemd and started; then nothing more is done") {
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(systemd.calls == Lines{"link " + path + "/a.service", "reload", "start a.service"});
  CHECK(file("a.service") == "[Service]\nExecStart=/bin/true\n");
  CHECK(agent.launched() == std::set<std::string>{"a.service"});
  CHECK(agent.states() ==
        std::vector<UnitState>{{"a.service", "m1", "loaded", "active", "running", want(kLaunched).hash}});
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(systemd.calls.empty());
}

TEST_CASE_FIXTURE(Fixture, "a unit with [Install] is enabled too") {
  reconcile({{"a.service", want(kLoaded, "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")}});
  CHECK(systemd.calls == Lines{"link " + path + "/a.service", "enable " + path + "/a.service", "reload"});
  CHECK(agent.launched().empty());
  CHECK(agent.states()[0].active == "inactive");
}

TEST_CASE_FIXTURE(Fixture, "stopping keeps the unit loaded, unloading removes every trace") {
  reconcile({{"a.service", want(kLaunched)}});
  CHECK(reconcile({{"a.service", want(kLoaded)}}) == Agent::Result::kDone);
  CHECK(systemd.calls == Lines{"stop a.service"});
  CHECK(agent.launched().empty());
  CHECK(agent.states().size() == 1);

  CHECK(reconcile({}) == Agent::Result::kDone);
  CHECK(systemd.calls == Lines{"stop a.service", "disable a.service", "reset-failed a.service", "reload"});
  CHECK(file("a.service") == "(none)");
  CHECK(agent.states().empty());
  CHECK(base::read_file(path + "/.agent.json") == "{}\n");
}

TEST_CASE_FIXTURE(Fixture, "a changed file: the old unit is stopped before the new one starts") {
  reconcile({{"a.service", want(kLaunched)}});
  CHECK(reconcile({{"a.service", want(kLaunched, "[Service]\nExecStart=/bin/new\n")}}) == Agent::Result::kDone);
  CHECK(systemd.calls == Lines{"stop a.service", "disable a.service", "reset-failed a.service",
                               "link " + path + "/a.service", "reload", "start a.service"});
  CHECK(file("a.service") == "[Service]\nExecStart=/bin/new\n");
}

TEST_CASE_FIXTURE(Fixture, "a restart of the agent adopts what runs and what has ended by itself") {
  reconcile({{"a.service", want(kLaunched)}, {"once.service", want(kLaunched)}});
  systemd.units["once.service"].active_state = "inactive";

  UnitDirectory same_directory(path);
  Agent restarted(systemd, same_directory, "m1");
  systemd.calls.clear();
  CHECK(restarted.reconcile({{"a.service", want(kLaunched)}, {"once.service", want(kLaunched)}}) ==
        Agent::Result::kDone);
  CHECK(systemd.calls.empty());
  CHECK(restarted.launched() == std::set<std::string>{"a.service", "once.service"});
}

TEST_CASE_FIXTURE(Fixture, "without its note the agent asks systemd what runs") {
  reconcile({{"a.service", want(kLaunched)}, {"b.service", want(kLaunched)}});
  systemd.units["b.service"].active_state = "inactive";
  for (const auto* note : {"", "{", "[]", R"({"a.service":7})"}) {
    base::write_file_atomic(path + "/.agent.json", note);
    systemd.units["b.service"].active_state = "inactive";
    UnitDirectory same_directory(path);
    Agent restarted(systemd, same_directory, "m1");
    systemd.calls.clear();
    CHECK(restarted.reconcile({{"a.service", want(kLaunched)}, {"b.service", want(kLaunched)}}) ==
          Agent::Result::kDone);
    CHECK(systemd.calls == Lines{"link " + path + "/b.service", "reload", "start b.service"});
  }
}

TEST_CASE_FIXTURE(Fixture, "after a reboot everything is started again") {
  reconcile({{"a.service", want(kLaunched)}});
  base::remove_tree_at(temp.fd(), "units");
  SlowSystemd fresh;
  UnitDirectory empty_directory(path);
  Agent rebooted(fresh, empty_directory, "m1");
  CHECK(rebooted.reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(fresh.calls == Lines{"link " + path + "/a.service", "reload", "start a.service"});
}

TEST_CASE_FIXTURE(Fixture, "a unit that takes long to stop holds up nobody else") {
  reconcile({{"slow.service", want(kLaunched)}});
  systemd.refuses_to_stop = true;
  CHECK(reconcile({{"b.service", want(kLaunched)}}) == Agent::Result::kPending);
  CHECK(systemd.calls == Lines{"stop slow.service", "link " + path + "/b.service", "reload", "start b.service"});
  CHECK(file("slow.service") != "(none)");
  CHECK(agent.states().size() == 2);

  systemd.refuses_to_stop = false;
  CHECK(reconcile({{"b.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(file("slow.service") == "(none)");
}

TEST_CASE_FIXTURE(Fixture, "a changed unit that is still stopping is not started with the old or the new file") {
  reconcile({{"a.service", want(kLaunched)}});
  systemd.refuses_to_stop = true;
  CHECK(reconcile({{"a.service", want(kLaunched, "[Service]\nExecStart=/bin/new\n")}}) == Agent::Result::kPending);
  CHECK(systemd.calls == Lines{"stop a.service", "reload"});
  CHECK(file("a.service") == "[Service]\nExecStart=/bin/true\n");
}

TEST_CASE_FIXTURE(Fixture, "when systemd cannot read its files, nothing new starts until it has") {
  systemd.cannot_reload = true;
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kFailed);
  CHECK(systemd.calls == Lines{"link " + path + "/a.service", "reload"});
  systemd.cannot_reload = false;
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(systemd.calls == Lines{"link " + path + "/a.service", "reload", "start a.service"});
}

TEST_CASE_FIXTURE(Fixture, "a unit that fails by itself is systemd's business, not restarted by us") {
  systemd.fail_to_start.insert("a.service");
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(agent.states()[0].active == "failed");
  CHECK(reconcile({{"a.service", want(kLaunched)}}) == Agent::Result::kDone);
  CHECK(systemd.calls.empty());
}

TEST_CASE_FIXTURE(Fixture, "a systemd that does not answer at all is an error") {
  systemd.cannot_reload = true;
  systemd.is_gone = true;
  CHECK_THROWS_AS(reconcile({{"a.service", want(kLaunched)}}), base::Error);
}

TEST_CASE_FIXTURE(Fixture, "files of others in the directory are left alone, bad names never get there") {
  base::write_file_atomic(path + "/README", "hello");
  CHECK(reconcile({}) == Agent::Result::kDone);
  CHECK(file("README") == "hello");
  CHECK(reconcile({{"../evil.service", want(kLaunched)}, {"ok.service", want(kLoaded)}}) == Agent::Result::kFailed);
  CHECK_FALSE(base::exists(temp.path() + "/evil.service"));
  CHECK(file("ok.service") != "(none)");
}
