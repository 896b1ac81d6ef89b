#pragma once
// What `container stats` prints. Pure.

#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/stats_history.h"

namespace runtime {

// One container's line: what it uses, and its processor time between two moments.
struct StatsReport {
  std::string id, name;
  CgroupStats stats;
  StatsSample now = {};
  std::optional<StatsSample> before = {};  // nothing: it has just been found
};

// Percent of one processor between two samples; nothing when they are not after each other.
std::optional<double> cpu_percent(const StatsSample& before, const StatsSample& now);

std::string stats_table(const std::vector<StatsReport>& reports);
base::Json stats_json(const StatsReport& report);

std::string history_table(const std::vector<StatsSample>& samples);
base::Json history_json(const std::vector<StatsSample>& samples);

}  // namespace runtime
