#include "bootstrap/report.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/log.h"
#include "base/table.h"
#include "bootstrap/files.h"
#include "bootstrap/parse.h"

namespace bootstrap {
namespace {

constexpr const char* kRunReport = "/run/clusteros/bootstrap/report.json";
constexpr const char* kKeptReport = "/var/lib/clusteros/bootstrap/report.json";

std::size_t count_results(const Report& report, Result result) {
  return static_cast<std::size_t>(std::ranges::count(report.outcomes, result, &Outcome::result));
}

std::string closing_line(const Report& report) {
  if (report.result == "nothing") return "no cloud-config was found: nothing to do";
  if (report.source == "none") return "the cloud-config could not be read: nothing was applied";
  const std::string counts =
      std::format("{} changed, {} unchanged, {} failed, {} skipped", count_results(report, Result::kChanged),
                  count_results(report, Result::kUnchanged), count_results(report, Result::kFailed),
                  count_results(report, Result::kSkipped));
  if (report.result == "refused")
    return std::format("refused the cloud-config of {}: nothing of it was applied but keys ({})", report.source,
                       counts);
  return std::format("applied the cloud-config of {}: {}", report.source, counts);
}

std::string outcome_line(const Outcome& outcome) {
  const std::string line = outcome.line ? std::format(" (line {})", outcome.line) : "";
  const std::string detail = outcome.detail.empty() ? "" : ": " + outcome.detail;
  return std::format("{}{}: {} {}: {}{}", outcome.key, line, outcome.action, outcome.object,
                     result_name(outcome.result), detail);
}

Result result_of(std::string_view name) {
  for (const auto result : {Result::kChanged, Result::kUnchanged, Result::kSkipped})
    if (result_name(result) == name) return result;
  return Result::kFailed;
}

}  // namespace

void judge(Report& report, bool found) {
  if (!found) {
    report.result = "nothing";
  } else if (has_errors(report.findings)) {
    report.result = "refused";
  } else {
    report.result = count_results(report, Result::kFailed) > 0 ? "failed" : "applied";
  }
}

base::Json to_json(const Report& report) {
  base::Json findings = base::Json::array();
  for (const auto& finding : report.findings)
    findings.push_back({{"severity", severity_name(finding.severity)},
                        {"line", finding.mark.line},
                        {"column", finding.mark.column},
                        {"message", finding.message}});
  base::Json steps = base::Json::array();
  for (const auto& outcome : report.outcomes)
    steps.push_back({{"key", outcome.key},
                     {"line", outcome.line},
                     {"action", outcome.action},
                     {"object", outcome.object},
                     {"result", result_name(outcome.result)},
                     {"detail", outcome.detail}});
  return {{"result", report.result},   {"source", report.source},
          {"file", report.file},       {"instance_id", report.instance_id},
          {"boot_id", report.boot_id}, {"time", report.time},
          {"findings", findings},      {"steps", steps}};
}

Report from_json(const base::Json& json) {
  Report report;
  report.result = base::json_string(json, "result");
  report.source = base::json_string(json, "source");
  report.file = base::json_string(json, "file");
  report.instance_id = base::json_string(json, "instance_id");
  report.boot_id = base::json_string(json, "boot_id");
  report.time = base::json_string(json, "time");
  for (const auto& item : json.value("findings", base::Json::array()))
    report.findings.push_back({base::json_string(item, "severity") == "error" ? Severity::kError : Severity::kWarning,
                               {static_cast<std::uint32_t>(base::json_integer(item, "line")),
                                static_cast<std::uint32_t>(base::json_integer(item, "column"))},
                               base::json_string(item, "message")});
  for (const auto& item : json.value("steps", base::Json::array()))
    report.outcomes.push_back({base::json_string(item, "key"),
                               static_cast<std::uint32_t>(base::json_integer(item, "line")),
                               base::json_string(item, "action"), base::json_string(item, "object"),
                               result_of(base::json_string(item, "result")), base::json_string(item, "detail")});
  return report;
}

std::string to_text(const Report& report) {
  std::string text;
  for (const auto& finding : report.findings) text += to_line(finding, report.file) + "\n";
  if (!report.outcomes.empty()) {
    base::Table table;
    table.add_row({"KEY", "LINE", "ACTION", "OBJECT", "RESULT", "DETAIL"});
    for (const auto& outcome : report.outcomes)
      table.add_row({outcome.key, outcome.line ? std::to_string(outcome.line) : "-", outcome.action, outcome.object,
                     std::string(result_name(outcome.result)), outcome.detail});
    text += table.text();
  }
  return text + closing_line(report) + "\n";
}

void log_report(const Report& report) {
  for (const auto& finding : report.findings) {
    const auto level = finding.severity == Severity::kError ? base::LogLevel::kError : base::LogLevel::kWarning;
    base::log_line(level, finding.mark.line ? to_line(finding, report.file) : finding.message);
  }
  for (const auto& outcome : report.outcomes)
    base::log_line(outcome.result == Result::kFailed ? base::LogLevel::kError : base::LogLevel::kInfo,
                   outcome_line(outcome));
  const bool well = report.result == "applied" || report.result == "nothing";
  base::log_line(well ? base::LogLevel::kInfo : base::LogLevel::kError, closing_line(report));
}

void save_report(const base::Fd& root, const Report& report) {
  const std::string text = base::to_text(to_json(report), 2) + "\n";
  for (const char* path : {kRunReport, kKeptReport}) put_file(root, path, text, {0644, 0, 0});
}

std::optional<Report> load_report(const base::Fd& root) {
  for (const char* path : {kRunReport, kKeptReport})
    if (const auto state = read_state(root, path)) return from_json(base::parse_json(state->content, path));
  return std::nullopt;
}

}  // namespace bootstrap
