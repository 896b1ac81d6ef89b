#include "runtime/stats_report.h"

#include <doctest/doctest.h>

#include "runtime/resources.h"

namespace runtime {
namespace {

StatsSample at(int second, std::uint64_t cpu) {
  return {.time = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000 + second)),
          .cpu_microseconds = cpu};
}

}  // namespace

TEST_CASE("processor time between two samples, in percent of one processor") {
  CHECK(cpu_percent(at(0, 0), at(2, 3'000'000)) == doctest::Approx(150));
  CHECK_FALSE(cpu_percent(at(0, 0), at(0, 5)).has_value());
  // Started anew in between.
  CHECK_FALSE(cpu_percent(at(0, 10), at(1, 5)).has_value());
}

TEST_CASE("a line of statistics") {
  StatsReport report{.id = "4f", .name = "web", .stats = {}, .now = at(1, 500'000), .before = at(0, 0)};
  report.stats.memory = 1024 * 1024;
  report.stats.memory_max = kUnlimited;
  report.stats.pids = 3;
  std::string table = stats_table({report});
  CHECK(table.find("50.0%") != std::string::npos);
  CHECK(table.find("max") != std::string::npos);
  base::Json json = stats_json(report);
  CHECK(json["cpuPercent"] == 50.0);
  CHECK(json["memoryMax"].is_null());
  CHECK(json["time"] == "2023-11-14T22:13:21Z");
  report.before.reset();
  CHECK(stats_json(report)["cpuPercent"].is_null());
}

TEST_CASE("the history: the first sample has nothing before it") {
  std::string table = history_table({at(0, 0), at(10, 1'000'000)});
  CHECK(table.find("2023-11-14T22:13:20Z  -  ") != std::string::npos);
  CHECK(table.find("10.0%") != std::string::npos);
  CHECK(history_json({at(0, 7)})[0]["cpuMicroseconds"] == 7);
}

}  // namespace runtime
