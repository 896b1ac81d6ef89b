#include "bootstrap/applets.h"

#include <cstdio>
#include <format>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/systemd.h"
#include "base/version.h"
#include "bootstrap/datasource.h"
#include "bootstrap/report.h"
#include "bootstrap/run.h"

namespace bootstrap {
namespace {

constexpr const char* kOldName = "coreos-cloudinit";

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool leave_to_ignition(const Seed& seed) {
  if (!is_ignition(seed.user_data)) return false;
  print("Detected an Ignition config. Exiting...\n");
  return true;
}

std::optional<Seed> find_seed(const base::Invocation& invocation, const base::Fd& root) {
  if (invocation.given("from-file")) return read_from_file(invocation.get("from-file"));
  const std::string& datasource = invocation.get("datasource");
  if (datasource != "installed")
    if (auto seed = read_nocloud()) return seed;
  if (datasource == "nocloud") return std::nullopt;
  return read_installed(root);
}

// A machine whose systemd does not answer still gets its users and keys.
Report apply_seed(const std::optional<Seed>& seed, const base::Fd& root, bool is_this_machine) {
  std::unique_ptr<base::Systemd> systemd;
  Target target{root, is_this_machine ? real_machine() : absent_machine()};
  if (is_this_machine) {
    try {
      systemd = base::connect_systemd();
      target.systemd = systemd.get();
      const std::string state = systemd->system_state();
      target.booting = state == "starting" || state == "initializing";
    } catch (const base::Error& error) {
      target.systemd_problem = error.what();
    }
  }
  return run_seed(seed, target);
}

int run_apply(const base::Invocation& invocation) {
  const std::string& path = invocation.get("root");
  const base::Fd root = base::open_directory(path);
  Report report;
  try {
    const auto seed = find_seed(invocation, root);
    if (seed && leave_to_ignition(*seed)) return 0;
    report = apply_seed(seed, root, path == "/");
  } catch (const base::Error& error) {
    if (invocation.given("from-file")) throw;
    report = report_unreadable(error.what());
  }
  log_report(report);
  save_report(root, report);
  return report.result == "applied" || report.result == "nothing" ? 0 : 1;
}

// Findings on standard output: they are what was asked for.
int validate(const std::string& path, bool old_format) {
  const Seed seed = read_from_file(path);
  if (leave_to_ignition(seed)) return 0;
  const ParsedConfig parsed = check_seed(seed);
  for (const auto& finding : parsed.findings) {
    if (old_format) {
      print(std::format("line {}: {}: {}\n", finding.mark.line, severity_name(finding.severity), finding.message));
    } else {
      print(to_line(finding, path) + "\n");
    }
  }
  // coreos-cloudinit fails for every remark, we for errors alone.
  return (old_format ? parsed.findings.empty() : parsed.ok()) ? 0 : 1;
}

int run_validate(const base::Invocation& invocation) {
  int result = 0;
  for (const auto& path : invocation.arguments) {
    const int one = validate(path, false);
    if (one == 0) print(std::format("{}: good\n", path));
    result = std::max(result, one);
  }
  return result;
}

int run_status(const base::Invocation& invocation) {
  const auto report = load_report(base::open_directory(invocation.get("root")));
  if (!report) throw base::Error("status", "", "bootstrap has not run on this machine");
  print(invocation.flag("json") ? base::to_text(to_json(*report), 2) + "\n" : to_text(*report));
  return report->result == "applied" || report->result == "nothing" ? 0 : 1;
}

// coreos-cloudinit has options and no commands.
int run_options(const base::Invocation& invocation) {
  if (!invocation.given("from-file"))
    throw base::UsageError(invocation.program == kOldName ? "no datasource given: --from-file=FILE"
                                                          : "no command given (try 'help')");
  if (invocation.flag("validate")) return validate(invocation.get("from-file"), invocation.program == kOldName);
  return run_apply(invocation);
}

std::string version_text(std::string_view program) {
  return std::format("{} {}", program, base::version());
}

const base::Option kFromFile{.name = "from-file", .value = "FILE", .help = "read the user-data from this file"};
const base::Option kRoot{.name = "root",
                         .value = "DIR",
                         .help = "work on the tree of another machine; what needs its systemd is skipped",
                         .fallback = "/"};
const base::Option kDatasource{.name = "datasource",
                               .value = "NAME",
                               .help = "look there only: the NoCloud volume, or the file that an installer left",
                               .fallback = "any",
                               .choices = {"any", "nocloud", "installed"}};

const std::vector<base::Applet> kApplets{{
    .name = "bootstrap",
    .aliases = {kOldName},
    .summary = "provision this machine from a cloud-config",
    .description =
        "At every boot, \"bootstrap apply\" reads the user-data of the NoCloud volume (a vfat or iso9660 file system "
        "with "
        "the label cidata), makes the machine like that, and says key by key what it did. A cloud-config with an error "
        "is refused as a whole, but the SSH keys that could be read are installed.\n\n"
        "Called as coreos-cloudinit it takes that program's options.",
    .options = {kFromFile,
                kRoot,
                kDatasource,
                {.name = "validate", .help = "check the user-data of --from-file and apply nothing"}},
    .commands = {{.name = "apply",
                  .arguments = "",
                  .summary = "read the cloud-config and apply it",
                  .run = run_apply,
                  .description = "Exit code 0: applied, or there is none. 1: refused, or a step failed."},
                 {.name = "status",
                  .arguments = "",
                  .summary = "show what the last run did, key by key",
                  .options = {{.name = "json", .help = "print the report as JSON"}},
                  .run = run_status,
                  .description = "Exit code 0: all is applied. 1: refused, or a step failed, or bootstrap never ran."},
                 {.name = "validate",
                  .arguments = "FILE...",
                  .summary = "check cloud-configs: file, line and column of every error and unknown key",
                  .min_arguments = 1,
                  .max_arguments = base::kAnyNumber,
                  .run = run_validate}},
    .run = run_options,
    .single_dash_long = true,
    .version_text = version_text,
}};

}  // namespace

std::span<const base::Applet> applets() {
  return kApplets;
}

}  // namespace bootstrap
