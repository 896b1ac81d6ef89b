#include "runtime/oci_placement.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

ContainerSpec parsed(const char* text) {
  base::Json json = base::parse_json(text, "test");
  ObjectReader reader(json, "linux");
  ContainerSpec spec;
  parse_placement(reader, spec);
  reader.done();
  return spec;
}

std::string reason(const char* text) {
  try {
    parsed(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a memory policy is a mode with flags, and nodes") {
  ContainerSpec spec =
      parsed(R"({"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0-1,3","flags":["MPOL_F_STATIC_NODES"]}})");
  CHECK(spec.process.memory_policy->mode == (2 | 1 << 15));
  CHECK(spec.process.memory_policy->nodes == "0-1,3");
  CHECK(reason(R"({"memoryPolicy":{"nodes":"0"}})").contains("linux.memoryPolicy.mode"));
  CHECK(reason(R"({"memoryPolicy":{"mode":"MPOL_BEST"}})") ==
        "config.json linux.memoryPolicy.mode: 'MPOL_BEST' is unknown");
  CHECK(reason(R"({"memoryPolicy":{"mode":"MPOL_BIND","nodes":"all"}})").contains("'0-3,7'"));
  CHECK(reason(R"({"memoryPolicy":{"mode":"MPOL_BIND","flags":["MPOL_F_ALL"]}})").contains("MPOL_F_ALL"));
  CHECK(reason(R"({"memoryPolicy":{"mode":"MPOL_LOCAL","node":"0"}})").contains("memoryPolicy.node: not supported"));
}

TEST_CASE("shares of caches are lines, those of bandwidth replace the ones among them, schemata are last") {
  ContainerSpec spec = parsed(R"({"intelRdt":{"closID":"gold","l3CacheSchema":"L3:0=f\nMB:0=10","memBwSchema":"MB:0=20",
    "schemata":["L2:0=1"],"enableMonitoring":true}})");
  CHECK(spec.intel_rdt->class_id == "gold");
  CHECK(spec.intel_rdt->schemata == std::vector<std::string>{"L3:0=f", "MB:0=20", "L2:0=1"});
  CHECK(spec.intel_rdt->monitoring);
  CHECK(parsed(R"({"intelRdt":{"closID":"/","enableCMT":true}})").intel_rdt->monitoring);
  for (const char* name : {"..", ".", "a/b", "/a"}) {
    CAPTURE(name);
    std::string text = std::string(R"({"intelRdt":{"closID":")") + name + "\"}}";
    CHECK(reason(text.c_str()).contains("linux.intelRdt.closID"));
  }
  CHECK(reason(R"({"intelRdt":{"memBwSchema":"L3:0=1"}})").contains("begins with 'MB:'"));
  CHECK(reason(R"({"intelRdt":{"memBwSchema":"MB:0=1\nL3:0=1"}})").contains("memBwSchema"));
  CHECK(reason(R"({"intelRdt":{"schemata":["all"]}})").contains("'L3:0=7f0;1=1f'"));
}

TEST_CASE("network devices keep their names or get others, each its own") {
  ContainerSpec spec = parsed(R"({"netDevices":{"eth1":{},"eth2":{"name":"lan"}}})");
  REQUIRE(spec.net_devices.size() == 2);
  CHECK(spec.net_devices[0].name == "eth1");
  CHECK(spec.net_devices[1].host_name == "eth2");
  CHECK(spec.net_devices[1].name == "lan");
  CHECK(reason(R"({"netDevices":{"eth1":{},"eth2":{"name":"eth1"}}})").contains("'eth1' is taken"));
  CHECK(reason(R"({"netDevices":{"eth1":{"name":"lo"}}})").contains("'lo' is taken"));
  for (const char* name : {"a/b", "a b", "a:b", ".", "..", "sixteen-letters-", "eth%d"}) {
    CAPTURE(name);
    std::string text = std::string(R"({"netDevices":{"eth1":{"name":")") + name + "\"}}}";
    CHECK(reason(text.c_str()).contains("no name of an interface"));
  }
}

}  // namespace runtime
