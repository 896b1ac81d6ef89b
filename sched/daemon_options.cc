#include <format>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "sched/daemon.h"

namespace sched {

using std::chrono::milliseconds;

std::map<std::string, std::string> parse_metadata(std::string_view text) {
  std::map<std::string, std::string> result;
  for (const auto& pair : base::split(text, ',')) {
    const auto trimmed = base::trim(pair);
    if (trimmed.empty()) continue;
    const auto equals = trimmed.find('=');
    const auto key = base::trim(trimmed.substr(0, equals));
    const auto value = equals == std::string_view::npos ? "" : base::trim(trimmed.substr(equals + 1));
    if (key.empty() || value.empty()) throw base::UsageError(std::format("--metadata: '{}' is not KEY=VALUE", trimmed));
    result[std::string(key)] = value;
  }
  return result;
}

namespace {

// A duration; a bare number counts seconds, as in fleet's configuration.
milliseconds read_duration(const base::Invocation& invocation, std::string_view option, milliseconds low,
                           milliseconds high) {
  const auto& text = invocation.get(option);
  auto duration = base::parse_duration(text);
  if (!duration) duration = base::parse_duration(text + "s");
  const auto result = duration ? std::chrono::duration_cast<milliseconds>(*duration) : milliseconds(-1);
  if (result < low || result > high)
    throw base::UsageError(std::format("--{}: '{}' is not a time between {} and {} ms (such as 30s or 500ms)", option,
                                       text, low.count(), high.count()));
  return result;
}

}  // namespace

DaemonOptions read_daemon_options(const base::Invocation& invocation) {
  DaemonOptions options;
  options.endpoints =
      invocation.get(invocation.given("etcd-servers") && !invocation.given("endpoints") ? "etcd-servers" : "endpoints");
  options.prefix = invocation.get("etcd-key-prefix");
  options.machine.metadata = parse_metadata(invocation.get("metadata"));
  options.machine.public_ip = invocation.get("public-ip");
  options.machine.version = base::version();
  options.units_directory = invocation.get("units-directory");
  if (!options.units_directory.starts_with('/'))
    throw base::UsageError(std::format("--units-directory: '{}' is not an absolute path", options.units_directory));
  options.agent_ttl = std::chrono::duration_cast<std::chrono::seconds>(
      read_duration(invocation, "agent-ttl", milliseconds(2000), milliseconds(3'600'000)));
  options.engine_interval =
      read_duration(invocation, "engine-reconcile-interval", milliseconds(100), milliseconds(600'000));
  options.request_timeout = read_duration(invocation, "etcd-request-timeout", milliseconds(100), milliseconds(600'000));
  options.engine = !invocation.flag("disable-engine");
  return options;
}

}  // namespace sched
