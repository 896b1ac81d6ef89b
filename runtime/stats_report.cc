#include "runtime/stats_report.h"

#include <format>

#include "base/table.h"
#include "base/text.h"
#include "runtime/resources.h"

namespace runtime {
namespace {

std::string percent_text(std::optional<double> percent) {
  return percent ? std::format("{:.1f}%", *percent) : "-";
}

std::string size_text(std::optional<std::uint64_t> bytes) {
  if (!bytes) return "-";
  return *bytes == kUnlimited ? "max" : base::format_size(*bytes);
}

std::string pressure_text(const StatsSample& sample) {
  return std::format("{:.2f}%", sample.memory_pressure / 100.0);
}

base::Json sample_json(const StatsSample& sample) {
  return {{"time", base::format_rfc3339(sample.time)},
          {"cpuMicroseconds", sample.cpu_microseconds},
          {"memory", sample.memory},
          {"pids", sample.pids},
          {"readBytes", sample.read_bytes},
          {"writtenBytes", sample.written_bytes},
          {"memoryPressure", sample.memory_pressure / 100.0},
          {"outOfMemoryKills", sample.out_of_memory_kills}};
}

// A limit: bytes, or null for none.
base::Json limit_json(std::optional<std::uint64_t> limit) {
  if (!limit || *limit == kUnlimited) return nullptr;
  return *limit;
}

base::Json pressure_json(const CgroupStats& stats) {
  base::Json json = base::Json::object();
  for (const auto& [name, file] : stats.pressure) {
    for (const auto& [key, line] : {std::pair{"some", &file.some}, {"full", &file.full}}) {
      if (!*line) continue;
      json[name][key] = {{"average10", (*line)->average_10},
                         {"average60", (*line)->average_60},
                         {"average300", (*line)->average_300},
                         {"totalMicroseconds", (*line)->total}};
    }
  }
  return json;
}

}  // namespace

std::optional<double> cpu_percent(const StatsSample& before, const StatsSample& now) {
  auto time = std::chrono::duration_cast<std::chrono::microseconds>(now.time - before.time).count();
  if (time <= 0 || now.cpu_microseconds < before.cpu_microseconds) return std::nullopt;
  return static_cast<double>(now.cpu_microseconds - before.cpu_microseconds) * 100 / static_cast<double>(time);
}

std::string stats_table(const std::vector<StatsReport>& reports) {
  base::Table table;
  table.add_row({"ID", "NAME", "CPU", "MEMORY", "LIMIT", "READ", "WRITTEN", "PIDS", "PRESSURE"});
  for (const StatsReport& report : reports) {
    std::optional<double> cpu = report.before ? cpu_percent(*report.before, report.now) : std::nullopt;
    table.add_row({report.id, report.name, percent_text(cpu), size_text(report.stats.memory),
                   size_text(report.stats.memory_max), base::format_size(report.now.read_bytes),
                   base::format_size(report.now.written_bytes),
                   report.stats.pids ? std::to_string(*report.stats.pids) : "-", pressure_text(report.now)});
  }
  return table.text();
}

base::Json stats_json(const StatsReport& report) {
  base::Json json = {{"id", report.id}, {"name", report.name}};
  json.update(sample_json(report.now));
  std::optional<double> cpu = report.before ? cpu_percent(*report.before, report.now) : std::nullopt;
  json["cpuPercent"] = cpu ? base::Json(*cpu) : base::Json(nullptr);
  json["memoryMax"] = limit_json(report.stats.memory_max);
  json["memoryHigh"] = limit_json(report.stats.memory_high);
  json["pidsMax"] = limit_json(report.stats.pids_max);
  json["swap"] = report.stats.swap.value_or(0);
  auto throttled = report.stats.cpu.find("throttled_usec");
  json["throttledMicroseconds"] = throttled == report.stats.cpu.end() ? 0 : throttled->second;
  json["pressure"] = pressure_json(report.stats);
  return json;
}

std::string history_table(const std::vector<StatsSample>& samples) {
  base::Table table;
  table.add_row({"TIME", "CPU", "MEMORY", "READ", "WRITTEN", "PIDS", "PRESSURE"});
  for (std::size_t i = 0; i < samples.size(); i++) {
    const StatsSample& sample = samples[i];
    std::optional<double> cpu = i == 0 ? std::nullopt : cpu_percent(samples[i - 1], sample);
    table.add_row({base::format_rfc3339(std::chrono::floor<std::chrono::seconds>(sample.time)), percent_text(cpu),
                   base::format_size(sample.memory), base::format_size(sample.read_bytes),
                   base::format_size(sample.written_bytes), std::to_string(sample.pids), pressure_text(sample)});
  }
  return table.text();
}

base::Json history_json(const std::vector<StatsSample>& samples) {
  base::Json list = base::Json::array();
  for (const StatsSample& sample : samples) list.push_back(sample_json(sample));
  return list;
}

}  // namespace runtime
