#include "bootstrap/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/text.h"
#include "bootstrap/metadata.h"
#include "bootstrap/plan.h"

namespace bootstrap {
namespace {

// A gzip is unpacked by the parser and has no substitutions then; coreos-cloudinit has them neither.
ParsedConfig parse(const Seed& seed, const Metadata& metadata) {
  if (base::trim(seed.user_data).empty()) return {};
  return parse_cloud_config(substitute(seed.user_data, metadata));
}

// Doubts about the metadata never refuse a config.
Metadata read_metadata(const Seed& seed, Findings& findings) {
  Findings doubts;
  Metadata metadata = parse_metadata(seed.meta_data, doubts);
  for (auto& finding : doubts) {
    finding.severity = Severity::kWarning;
    findings.push_back(std::move(finding));
  }
  add_addresses_from_environment(metadata);
  return metadata;
}

Report new_report() {
  Report report;
  report.time = base::format_rfc3339(base::system_clock().wall_now());
  report.boot_id = base::boot_id();
  return report;
}

}  // namespace

bool is_ignition(std::string_view user_data) {
  try {
    const base::Json json = base::parse_json(user_data, "user-data", kMaxUserData);
    return json.is_object() && (json.contains("ignition") || json.contains("ignitionVersion"));
  } catch (const base::Error&) {  // not JSON
    return false;
  }
}

ParsedConfig check_seed(const Seed& seed) {
  Findings unused;
  Metadata metadata = read_metadata(seed, unused);
  // The machine that it is for will know its addresses; these are the ones of documentation (RFC 5737, RFC 3849).
  for (const char* name : {"PUBLIC_IPV4", "PRIVATE_IPV4"}) metadata.addresses.try_emplace(name, "192.0.2.1");
  for (const char* name : {"PUBLIC_IPV6", "PRIVATE_IPV6"}) metadata.addresses.try_emplace(name, "2001:db8::1");
  return parse_cloud_config(substitute(seed.user_data, metadata));
}

Report report_unreadable(const std::string& problem) {
  Report report = new_report();
  report.source = "none";
  report.findings.push_back({Severity::kError, {}, problem});
  report.result = "failed";
  return report;
}

Report run_seed(const std::optional<Seed>& seed, const Target& target) {
  Report report = new_report();
  if (!seed) {
    report.source = "none";
    judge(report, false);
    return report;
  }
  report.source = seed->source;
  report.file = seed->file;
  Findings doubts;
  const Metadata metadata = read_metadata(*seed, doubts);
  report.instance_id = metadata.instance_id;
  const ParsedConfig parsed = parse(*seed, metadata);
  report.findings = parsed.findings;
  report.findings.insert(report.findings.end(), doubts.begin(), doubts.end());
  const Plan plan = parsed.ok() ? make_plan(parsed.config, metadata) : make_rescue_plan(parsed.config, metadata);
  report.outcomes =
      Applier(target.root, target.machine, target.systemd, target.booting, target.systemd_problem).apply(plan);
  judge(report, true);
  return report;
}

}  // namespace bootstrap
