#include "runtime/oci_resources.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "runtime/cgroup_limits.h"

namespace runtime {
namespace {

Resources parsed(const base::Json& json) {
  return parse_resources(ObjectReader(json, "linux.resources"));
}

std::string reason(const base::Json& json) {
  try {
    parsed(json);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

// "knob=value" of each write.
std::vector<std::string> writes(const base::Json& json, std::string_view cpu_max = "") {
  std::vector<std::string> result;
  for (const KnobWrite& write : knob_writes(parsed(json), cpu_max)) result.push_back(write.knob + "=" + write.value);
  return result;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("cpu shares become the weight with the same meaning") {
  CHECK(cpu_weight_of_shares(2) == 1);
  CHECK(cpu_weight_of_shares(1024) == 100);
  CHECK(cpu_weight_of_shares(262144) == 10000);
  CHECK(cpu_weight_of_shares(1) == 1);
  CHECK(cpu_weight_of_shares(1000000) == 10000);
  CHECK(writes({{"cpu", {{"shares", 1024}}}}) == Lines{"cpu.weight=100"});
  CHECK(writes({{"cpu", {{"shares", 0}}}}).empty());
}

TEST_CASE("memory, and swap without it") {
  CHECK(writes({{"memory", {{"limit", 1000}, {"swap", 1500}, {"reservation", 500}}}}) ==
        Lines{"memory.low=500", "memory.swap.max=500", "memory.max=1000", "memory.oom.group=1"});
  CHECK(writes({{"memory", {{"limit", 1000}, {"swap", 1000}}}}).front() == "memory.swap.max=0");
  CHECK(writes({{"memory", {{"limit", -1}}}}) == Lines{"memory.swap.max=max", "memory.max=max", "memory.oom.group=1"});
  CHECK(writes({{"memory", {{"limit", 1000}, {"swap", -1}}}}).front() == "memory.swap.max=max");
  CHECK(writes({{"memory", {{"limit", 0}, {"swap", 0}, {"reservation", 0}}}}).empty());
  CHECK(reason({{"memory", {{"limit", 1000}, {"swap", 999}}}}) ==
        "config.json linux.resources.memory.swap: below the memory limit: it is memory and swap together");
  CHECK(reason({{"memory", {{"swap", 999}}}}).find("needs a memory limit") != std::string::npos);
  CHECK(parsed({{"memory", {{"checkBeforeUpdate", true}}}}).check_before_update);
}

TEST_CASE("what cgroup v2 has no word for is refused by its name, unless it is not wanted") {
  for (const char* name : {"kernel", "kernelTCP", "swappiness"}) {
    CAPTURE(name);
    CHECK(reason({{"memory", {{name, 10}}}}).find(std::string("linux.resources.memory.") + name) != std::string::npos);
  }
  CHECK(reason({{"memory", {{"disableOOMKiller", true}}}}).find("memory.disableOOMKiller") != std::string::npos);
  CHECK(reason({{"memory", {{"disableOOMKiller", false}, {"kernel", -1}, {"kernelTCP", 0}}}}).empty());
  CHECK(reason({{"cpu", {{"realtimeRuntime", 950000}}}}).find("cpu.realtimeRuntime") != std::string::npos);
  CHECK(reason({{"cpu", {{"realtimePeriod", 1000000}}}}).find("cpu.realtimePeriod") != std::string::npos);
  CHECK(reason({{"blockIO", {{"leafWeight", 10}}}}).find("blockIO.leafWeight") != std::string::npos);
  CHECK(reason({{"network", {{"classID", 1}}}}).find("linux.resources.network") != std::string::npos);
  CHECK(reason({{"memory", {{"hug", 1}}}}) == "config.json linux.resources.memory.hug: not supported");
}

TEST_CASE("cpu quota and period, each alone too") {
  CHECK(writes({{"cpu", {{"quota", 50000}, {"period", 200000}}}}) == Lines{"cpu.max=50000 200000"});
  CHECK(writes({{"cpu", {{"quota", 50000}}}}) == Lines{"cpu.max=50000 100000"});
  CHECK(writes({{"cpu", {{"quota", 50000}}}}, "max 20000\n") == Lines{"cpu.max=50000 20000"});
  CHECK(writes({{"cpu", {{"period", 50000}}}}, "10000 100000\n") == Lines{"cpu.max=10000 50000"});
  CHECK(writes({{"cpu", {{"quota", -1}}}}, "10000 100000\n") == Lines{"cpu.max=max 100000"});
  CHECK(writes({{"cpu", {{"burst", 1000}, {"idle", 1}, {"cpus", "0-1,3"}, {"mems", "0"}}}}) ==
        Lines{"cpu.idle=1", "cpu.max.burst=1000", "cpuset.cpus=0-1,3", "cpuset.mems=0"});
  CHECK(reason({{"cpu", {{"cpus", "0\n1"}}}}).find("expected a list") != std::string::npos);
}

TEST_CASE("block devices: weights in either scheduler's words, rates joined by device") {
  CHECK(io_weight_of_blkio(10) == 1);
  CHECK(io_weight_of_blkio(1000) == 10000);
  CHECK(io_weight_of_blkio(500) == 4950);
  base::Json block = {{"weight", 500},
                      {"weightDevice", {{{"major", 8}, {"minor", 0}, {"weight", 10}}}},
                      {"throttleReadBpsDevice", {{{"major", 8}, {"minor", 16}, {"rate", 1000}}}},
                      {"throttleWriteBpsDevice", {{{"major", 8}, {"minor", 16}, {"rate", 2000}}}},
                      {"throttleReadIOPSDevice", {{{"major", 8}, {"minor", 16}, {"rate", 30}}}},
                      {"throttleWriteIOPSDevice", {{{"major", 8}, {"minor", 16}, {"rate", 0}}}}};
  CHECK(writes({{"blockIO", block}}) ==
        Lines{"io.bfq.weight=500", "io.bfq.weight=8:0 10", "io.max=8:16 rbps=1000 wbps=2000 riops=30 wiops=max"});
  std::vector<KnobWrite> list = knob_writes(parsed({{"blockIO", block}}), "");
  CHECK(list[0].fallback_knob == "io.weight");
  CHECK(list[0].fallback_value == "4950");
  CHECK(list[1].fallback_value == "8:0 1");
  CHECK(reason({{"blockIO", {{"weight", 9}}}}).find("10 to 1000") != std::string::npos);
}

TEST_CASE("pids, huge pages, rdma") {
  CHECK(writes({{"pids", {{"limit", 10}}}}) == Lines{"pids.max=10"});
  CHECK(writes({{"pids", {{"limit", -1}}}}) == Lines{"pids.max=max"});
  CHECK(writes({{"pids", {{"limit", 0}}}}).empty());
  CHECK(writes({{"hugepageLimits", {{{"pageSize", "2MB"}, {"limit", 4194304}}}}}) ==
        Lines{"hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"});
  for (const char* size : {"", "MB", "2", "2M", "../MB", "2TB", "02MB", "2xMB"}) {
    CAPTURE(size);
    CHECK(reason({{"hugepageLimits", {{{"pageSize", size}, {"limit", 1}}}}}).find("pageSize") != std::string::npos);
  }
  CHECK(writes({{"rdma", {{"mlx5_1", {{"hcaHandles", 3}, {"hcaObjects", 10000}}}}}}) ==
        Lines{"rdma.max=mlx5_1 hca_handle=3 hca_object=10000"});
  CHECK(reason({{"rdma", {{"a b", {{"hcaHandles", 3}}}}}}).find("no device's name") != std::string::npos);
}

TEST_CASE("raw knobs: limits only, one line a write") {
  CHECK(writes({{"unified", {{"io.max", "8:0 rbps=1\n8:16 rbps=2\n"}, {"memory.high", "1000"}}}}) ==
        Lines{"io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.high=1000"});
  for (const char* knob : {"../memory.max", "a/b.c", "memory", ".max", "memory.", "cgroup.procs", "cgroup.kill", ""}) {
    CAPTURE(knob);
    CHECK(reason({{"unified", {{knob, "1"}}}}).find("not a limit of cgroup v2") != std::string::npos);
  }
  CHECK(reason({{"unified", {{"cgroup.max.depth", "1"}}}}).empty());
}

TEST_CASE("device rules are read strictly") {
  std::vector<DeviceRule> rules =
      parsed({{"devices",
               {{{"allow", false}, {"access", "rwm"}},
                {{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", 3}, {"access", "r"}},
                {{"allow", true}, {"type", "b"}, {"major", 8}, {"minor", -1}}}}})
          .devices;
  REQUIRE(rules.size() == 3);
  CHECK((rules[0].type == 'a' && !rules[0].allow && !rules[0].number.major && rules[0].make));
  CHECK((rules[1].number.minor == 3u && rules[1].read && !rules[1].write && !rules[1].make));
  CHECK((rules[2].number.major == 8u && !rules[2].number.minor && rules[2].write));
  CHECK(reason({{"devices", {{{"type", "p"}}}}}) ==
        "config.json linux.resources.devices[0].type: expected a, b, c or u");
  CHECK(reason({{"devices", {{{"access", "rx"}}}}}).find("devices[0].access") != std::string::npos);
}

}  // namespace runtime
