#pragma once
// What one run of bootstrap did, key by key: for the journal, for `bootstrap status`, and as report.json.

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "bootstrap/apply.h"
#include "bootstrap/config.h"

namespace bootstrap {

struct Report {
  // "applied": all of it. "failed": applied, but some steps failed. "refused": the config has errors, only keys were
  // installed. "nothing": no config was found.
  std::string result;
  std::string source;  // "NoCloud volume /dev/vdb", "file /x.yaml", "none"
  std::string file;    // what findings are about: "user-data", "/x.yaml"
  std::string instance_id;
  std::string boot_id;
  std::string time;  // RFC 3339
  Findings findings;
  Outcomes outcomes;
};

// Sets `result` from the rest. REQUIRES: found says whether there was a config or metadata.
void judge(Report& report, bool found);

base::Json to_json(const Report& report);
Report from_json(const base::Json& json);  // throws Error when members have other types

// "FILE:LINE:COLUMN: error: …" lines, a table of the steps, a closing line.
std::string to_text(const Report& report);
// Each finding and outcome as a line of the journal.
void log_report(const Report& report);

// Below `root`: /run/clusteros/bootstrap/report.json, and the same in /var/lib for later boots to compare with.
void save_report(const base::Fd& root, const Report& report);
std::optional<Report> load_report(const base::Fd& root);

}  // namespace bootstrap
