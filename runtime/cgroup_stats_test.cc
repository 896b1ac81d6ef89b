#include "runtime/cgroup_stats.h"

#include <doctest/doctest.h>

#include "runtime/oci_stats.h"
#include "runtime/process_table.h"
#include "runtime/resources.h"

namespace runtime {

TEST_CASE("the kernel's numbers are read as it writes them") {
  CHECK(parse_knob_number("max\n") == kUnlimited);
  CHECK(parse_knob_number("4096\n") == 4096u);
  CHECK_FALSE(parse_knob_number("").has_value());
  KeyedNumbers keyed = parse_keyed("anon 4096\nfile 0\nnot a number\nbad x\n");
  CHECK(keyed == KeyedNumbers{{"anon", 4096}, {"file", 0}});
}

TEST_CASE("io.stat: one device a line, lines without numbers left out") {
  std::vector<BlockDeviceUse> io =
      parse_io_stat("8:0 rbytes=90112 wbytes=4096 rios=11 wios=1 dbytes=0 dios=0\n7:1 \nx\n");
  REQUIRE(io.size() == 1);
  CHECK(io[0].major == 8);
  CHECK(io[0].numbers.at("rbytes") == 90112);
  CHECK(io[0].numbers.at("wios") == 1);
}

TEST_CASE("pressure: averages in percent, totals in microseconds") {
  PressureFile file = parse_pressure(
      "some avg10=1.25 avg60=0.03 avg300=100.00 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
  REQUIRE(file.some.has_value());
  CHECK(file.some->average_10 == doctest::Approx(1.25));
  CHECK(file.some->average_60 == doctest::Approx(0.03));
  CHECK(file.some->average_300 == doctest::Approx(100));
  CHECK(file.some->total == 123456);
  CHECK(file.full->total == 7);
  CHECK_FALSE(parse_pressure("").some.has_value());
}

TEST_CASE("statistics in runc's form: nanoseconds, memory and swap together") {
  CgroupStats stats;
  stats.cpu = {{"usage_usec", 5}, {"user_usec", 3}, {"system_usec", 2}, {"nr_throttled", 1}, {"throttled_usec", 9}};
  stats.memory = 100;
  stats.memory_max = 1000;
  stats.swap = 10;
  stats.swap_max = kUnlimited;
  stats.memory_stat = {{"file", 40}};
  stats.pids = 2;
  stats.pids_max = kUnlimited;
  stats.io = parse_io_stat("8:0 rbytes=1 wbytes=2 rios=3 wios=4\n");
  stats.pressure["memory"] = parse_pressure("some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n");
  base::Json json = oci_stats(stats);
  CHECK(json["cpu"]["usage"]["total"] == 5000);
  CHECK(json["cpu"]["throttling"]["throttledTime"] == 9000);
  CHECK(json["memory"]["usage"]["limit"] == 1000);
  CHECK(json["memory"]["cache"] == 40);
  CHECK(json["memory"]["swap"]["usage"] == 110);
  CHECK(json["memory"]["swap"]["limit"] == kUnlimited);
  CHECK(json["memory"]["psi"]["some"]["total"] == 5);
  CHECK(json["pids"] == base::Json{{"current", 2}, {"limit", 0}});
  CHECK(json["blkio"]["ioServiceBytesRecursive"].size() == 2);
  CHECK(json["blkio"]["ioServicedRecursive"][1] ==
        base::Json{{"major", 8}, {"minor", 0}, {"op", "Write"}, {"value", 4}});
}

TEST_CASE("a process's line: the innermost number, no control characters") {
  std::string status =
      "Name:\tsh\nPid:\t4242\nPPid:\t4200\nUid:\t524288\t524288\t524288\t524288\nNSpid:\t4242\t7\nVmRSS:\t 8 kB\n";
  std::string stat = "4242 (a) b) S 4200 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 99 0 0";
  std::optional<ProcessRow> row = parse_process(status, stat, std::string("sh\0-c\0echo \x1b[31m\0", 17), 100);
  REQUIRE(row.has_value());
  CHECK(row->pid == 4242);
  CHECK(row->inside == 7);
  CHECK(row->parent == 4200);
  CHECK(row->uid == 524288);
  CHECK(row->cpu_time == std::chrono::seconds(2));
  CHECK(row->resident == 8192);
  CHECK(row->command == "sh -c echo ?[31m");
  CHECK(parse_process(status, stat, "", 100)->command == "[sh]");
  CHECK_FALSE(parse_process("", stat, "", 100).has_value());
  CHECK_FALSE(parse_process(status, "4242 (a) S 1", "", 100).has_value());
}

}  // namespace runtime
