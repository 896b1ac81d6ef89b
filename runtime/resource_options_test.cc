#include "runtime/resource_options.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

Resources of(const std::vector<std::string>& words) {
  base::Applet applet{
      .name = "t", .summary = "", .options = resource_options(), .run = [](const base::Invocation&) { return 0; }};
  Resources resources;
  add_resource_options(base::parse_invocation(applet, "t", words), resources);
  return resources;
}

}  // namespace

TEST_CASE("memory is slowed down shortly before its limit, and has no swap unless it is given") {
  Resources resources = of({"--memory", "64m"});
  CHECK(resources.memory_max == 67108864u);
  CHECK(resources.memory_high == 67108864u - 2097152u);
  CHECK(resources.memory_swap_max == 0u);
  CHECK(memory_high_below(kUnlimited) == kUnlimited);
  CHECK(of({"-m", "64m", "--memory-swap", "96m"}).memory_swap_max == 33554432u);
  CHECK(of({"--memory-reservation", "8m"}).memory_low == 8388608u);
  CHECK_THROWS_AS(of({"--memory-swap", "96m"}), base::UsageError);
  CHECK_THROWS_AS(of({"-m", "64m", "--memory-swap", "32m"}), base::UsageError);
}

TEST_CASE("the other limits, under Docker's names") {
  Resources resources = of({"--cpu-shares", "1024", "--cpuset-cpus", "0-1", "--cpuset-mems=0", "--blkio-weight", "500",
                            "--cpus", "1.5", "--pids", "7"});
  CHECK(resources.cpu_weight == 100u);
  CHECK(resources.cpuset_cpus == "0-1");
  CHECK(resources.cpuset_mems == "0");
  CHECK(resources.io_weight == 4950u);
  CHECK(resources.io_bfq_weight == 500u);
  CHECK(resources.cpu_quota == 150000u);
  CHECK(resources.pids_max == 7u);
  CHECK_THROWS_AS(of({"--cpu-shares", "1"}), base::UsageError);
  CHECK_THROWS_AS(of({"--cpuset-cpus", "all"}), base::UsageError);
  CHECK_THROWS_AS(of({"--blkio-weight", "5"}), base::UsageError);
  resources = of({"--hugepages", "2MB=64m", "--hugepages=1GB=0"});
  CHECK(resources.huge_pages == std::map<std::string, std::uint64_t>{{"2MB", 67108864}, {"1GB", 0}});
  for (const char* wrong : {"", "2MB", "2MB=", "2M=64m", "MB=64m", "../2MB=1m", "2MB=x"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(of({"--hugepages", wrong}), base::UsageError);
  }
}

TEST_CASE("rates of a device") {
  DeviceRate rate = parse_device_rate("device-read-bps", "/dev/disk/by-path/pci:1:1m", true);
  CHECK(rate.path == "/dev/disk/by-path/pci:1");
  CHECK(rate.rate == 1048576);
  CHECK(parse_device_rate("device-read-iops", "/dev/sda:100", false).rate == 100);
  for (const char* wrong : {"/dev/sda", "/dev/sda:", "/dev/sda:0", "sda:1m", "/dev/sda:x", ""}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse_device_rate("device-read-bps", wrong, true), base::UsageError);
  }
  CHECK_THROWS_AS(of({"--device-read-bps", "/dev/null:1m"}), base::Error);
}

}  // namespace runtime
