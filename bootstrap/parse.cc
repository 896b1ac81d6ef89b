#include "bootstrap/parse.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "base/text.h"
#include "bootstrap/decode.h"
#include "bootstrap/parse_parts.h"
#include "bootstrap/reader.h"
#include "bootstrap/yaml.h"

namespace bootstrap {
namespace {

constexpr std::size_t kMaxFindings = 100;
constexpr std::string_view kLater = "this version does not apply it";

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

// An error stays in, however many warnings stand before it.
void bound(Findings& findings) {
  if (findings.size() <= kMaxFindings) return;
  const std::size_t dropped = findings.size() - kMaxFindings;
  std::ranges::stable_partition(findings, [](const auto& finding) { return finding.severity == Severity::kError; });
  findings.resize(kMaxFindings);
  findings.push_back({Severity::kWarning, findings.back().mark, std::format("and {} more", dropped)});
}

void parse_coreos(const YamlNode& node, CloudConfig& config, Findings& findings) {
  MapReader reader(node, "coreos", findings);
  reader.each("units", [&](const YamlNode& item, std::string name) {
    config.units.push_back(parse_unit(item, std::move(name), findings));
  });
  if (const auto* etcd2 = reader.find("etcd2")) parse_etcd2(*etcd2, config.store, findings);
  for (const auto key : {"hostname", "ssh_authorized_keys", "write_files", "users", "manage_etc_hosts"})
    if (reader.find(key)) reader.error(reader.mark_of(key), std::format("{} doesn't belong under coreos", key));
  reader.ignore({"update", "locksmith", "fleet", "flannel", "oem", "etcd"}, kLater);
  reader.finish();
}

void parse_top(const YamlNode& root, CloudConfig& config, Findings& findings) {
  MapReader reader(root, "cloud-config", findings);
  config.hostname = reader.string("hostname");
  config.hostname_mark = reader.mark_of("hostname");
  if (!config.hostname.empty() && !is_valid_hostname(config.hostname))
    reader.error(config.hostname_mark, std::format("invalid value {}", config.hostname.substr(0, 80)));
  config.ssh_authorized_keys = parse_keys(reader, "ssh_authorized_keys");
  config.ssh_authorized_keys_mark = reader.mark_of("ssh_authorized_keys");
  reader.each("users", [&](const YamlNode& item, std::string name) {
    config.users.push_back(parse_user(item, std::move(name), findings));
  });
  reader.each("write_files", [&](const YamlNode& item, std::string name) {
    config.files.push_back(parse_file(item, std::move(name), findings));
  });
  // Before coreos, since clusteros.store counts more than coreos.etcd2.
  if (const auto* clusteros = reader.find("clusteros")) {
    MapReader own(*clusteros, "clusteros", findings);
    if (const auto* store = own.find("store")) parse_store(*store, config.store, findings);
    own.finish();
  }
  if (const auto* coreos = reader.find("coreos")) parse_coreos(*coreos, config, findings);
  for (const auto key : {"units", "update", "etcd2", "fleet", "flannel", "locksmith"})
    if (reader.find(key)) reader.error(reader.mark_of(key), std::format("{} belongs under coreos", key));
  reader.ignore({"manage_etc_hosts"}, kLater);
  reader.finish();
}

}  // namespace

ParsedConfig parse_cloud_config(std::string_view text) {
  ParsedConfig parsed;
  const auto refuse = [&](std::string message) {
    parsed.findings.push_back({Severity::kError, {1, 1}, std::move(message)});
    return parsed;
  };
  std::string unpacked;
  if (text.starts_with("\x1f\x8b")) {
    auto content = gunzip(text, kMaxUserData);
    if (!content) return refuse("the gzip data is damaged or larger than 4 MiB");
    unpacked = std::move(*content);
    text = unpacked;
  }
  if (text.size() > kMaxUserData) return refuse("larger than 4 MiB");
  const std::string_view header = first_line(text);
  if (header.starts_with("#!")) return refuse("a script (\"#!\"): this version applies \"#cloud-config\" only");
  if (std::string_view rest = header; !rest.starts_with("#cloud-config") || !base::trim(rest.substr(13)).empty())
    return refuse("must be \"#cloud-config\" or begin with \"#!\"");

  const YamlResult yaml = parse_yaml(text);
  if (yaml.root) parse_top(*yaml.root, parsed.config, parsed.findings);
  // What a text that breaks off seems to miss is no finding: the syntax error is.
  if (yaml.problem) parsed.findings = {{Severity::kError, yaml.problem->mark, yaml.problem->message}};
  std::ranges::stable_sort(parsed.findings, {},
                           [](const Finding& finding) { return std::tuple(finding.mark.line, finding.mark.column); });
  bound(parsed.findings);
  return parsed;
}

std::string to_line(const Finding& finding, std::string_view file) {
  std::string remark = std::format("{}: {}", severity_name(finding.severity), finding.message);
  if (finding.mark.line == 0) return remark;
  return std::format("{}:{}:{}: {}", file, finding.mark.line, finding.mark.column, remark);
}

}  // namespace bootstrap
