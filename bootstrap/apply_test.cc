// Plans applied to a directory, with a fake systemd. These tests change owners of files, so they need root, as the SDK
// is.
#include "bootstrap/apply.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/fake_systemd.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "bootstrap/datasource.h"
#include "bootstrap/parse.h"
#include "bootstrap/run.h"

namespace bootstrap {
namespace {

struct Tree {
  Tree() {
    base::make_directories(path("/etc"));
    base::write_file_atomic(path("/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    base::write_file_atomic(path("/etc/group"), "root:x:0:\nusers:x:100:\n");
  }
  std::string path(const std::string& name) const { return directory.path() + name; }
  bool has(const std::string& name) const { return base::exists(path(name)); }

  Report apply(const std::string& yaml, bool booting = false) {
    return run_seed(Seed{"test", "user-data", "#cloud-config\n" + yaml, ""},
                    {directory.fd(), absent_machine(), &systemd, booting});
  }
  // Calls to systemd since the last look.
  std::vector<std::string> calls() { return std::exchange(systemd.calls, {}); }

  base::TempDir directory;
  base::FakeSystemd systemd;
};

Result result_of(const Report& report, std::string_view key, std::string_view action) {
  for (const auto& outcome : report.outcomes)
    if (outcome.key == key && outcome.action == action) return outcome.result;
  FAIL("no such step");
  return Result::kFailed;
}

bool only_unchanged(const Report& report) {
  return std::ranges::all_of(report.outcomes, [](const auto& outcome) { return outcome.result == Result::kUnchanged; });
}

constexpr const char* kUnits = R"(
coreos:
  units:
    - {name: a.service, content: "[Service]\nExecStart=/bin/true\n", enable: true, command: start}
    - {name: b.service, mask: true}
)";

TEST_CASE("units: files, then one reload, then enable, then commands") {
  Tree tree;
  tree.systemd.add("a.service");
  const Report report = tree.apply(kUnits);
  CHECK(report.result == "applied");
  auto calls = tree.calls();
  const auto position = [&](std::string_view prefix) {
    return std::ranges::find_if(calls, [&](const auto& call) { return call.starts_with(prefix); }) - calls.begin();
  };
  CHECK(position("reload") < position("enable"));
  CHECK(position("enable") < position("start"));
  CHECK(position("start") < static_cast<std::ptrdiff_t>(calls.size()));
  CHECK(tree.has("/etc/systemd/system/a.service"));

  const Report again = tree.apply(kUnits);
  CHECK(result_of(again, "coreos.units[0].content", "write") == Result::kUnchanged);
  CHECK(result_of(again, "coreos.units[0].command", "start") == Result::kUnchanged);
  CHECK(result_of(again, "coreos.units", "reload") == Result::kUnchanged);
  calls = tree.calls();
  CHECK(position("reload") == static_cast<std::ptrdiff_t>(calls.size()));
}

TEST_CASE("a unit that does not start is reported, and the others are started") {
  Tree tree;
  tree.systemd.add("a.service");
  tree.systemd.add("c.service");
  tree.systemd.fail_to_start.insert("a.service");
  const Report report =
      tree.apply("coreos: {units: [{name: a.service, command: start}, {name: c.service, command: start}]}\n");
  CHECK(report.result == "failed");
  CHECK(result_of(report, "coreos.units[0].command", "start") == Result::kFailed);
  CHECK(result_of(report, "coreos.units[1].command", "start") == Result::kChanged);
}

TEST_CASE("networkd is restarted when one of its files changed, and only then") {
  Tree tree;
  tree.systemd.add("systemd-networkd.service");
  const std::string yaml = "coreos: {units: [{name: x.network, content: '[Match]', command: start}]}\n";
  CHECK(result_of(tree.apply(yaml), "coreos.units", "restart") == Result::kChanged);
  CHECK(tree.has("/etc/systemd/network/x.network"));
  tree.calls();
  CHECK(only_unchanged(tree.apply(yaml)));
  CHECK(tree.calls().empty());
}

TEST_CASE("daemons that run are restarted when the store's address changed") {
  Tree tree;
  const auto yaml = [](std::string port) {
    return "clusteros: {store: {endpoints: ['http://127.0.0.1:" + port + "']}}\n";
  };
  CHECK(result_of(tree.apply(yaml("1")), "clusteros.store", "restart") == Result::kUnchanged);
  tree.systemd.add("schedd.service");
  tree.systemd.units["schedd.service"].active_state = "active";
  CHECK(result_of(tree.apply(yaml("2")), "clusteros.store", "restart") == Result::kChanged);
  CHECK(only_unchanged(tree.apply(yaml("2"))));
  CHECK(base::read_file(tree.path("/etc/clusteros/cluster.env")) == "CLUSTEROS_ENDPOINTS=http://127.0.0.1:2\n");
}

TEST_CASE("a refused config touches systemd and files not at all") {
  Tree tree;
  const Report report = tree.apply(std::string(kUnits) + "write_files: [{path: /etc/x}]\nhostname: _\n");
  CHECK(report.result == "refused");
  CHECK(report.outcomes.empty());
  CHECK(tree.calls().empty());
  CHECK_FALSE(tree.has("/etc/x"));
  CHECK_FALSE(tree.has("/etc/systemd"));
}

TEST_CASE("no seed, and an empty one") {
  Tree tree;
  const Target target{tree.directory.fd(), absent_machine(), &tree.systemd, false};
  CHECK(run_seed(std::nullopt, target).result == "nothing");
  CHECK(run_seed(Seed{"test", "user-data", "", "local-hostname: m\n"}, target).result == "applied");
  CHECK(base::read_file(tree.path("/etc/hostname")) == "m\n");
}

TEST_CASE("a report survives JSON") {
  Tree tree;
  const Report report = tree.apply("hostname: a\nunknown: 1\n");
  save_report(tree.directory.fd(), report);
  const auto loaded = load_report(tree.directory.fd());
  REQUIRE(loaded);
  CHECK(to_json(*loaded) == to_json(report));
  CHECK(to_text(*loaded).contains("user-data:3:1: warning: unrecognized key \"unknown\""));
}

}  // namespace
}  // namespace bootstrap
