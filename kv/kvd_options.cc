// In this order: the file instead of the command line, when there is one; each flag that is ignored or refused; the
// values; what they must be to each other.

#include "kv/kvd_options.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "kv/kvd_config_file.h"
#include "kv/kvd_flags.h"
#include "kv/kvd_urls.h"

namespace kv {

namespace {

using base::Invocation;
using base::Url;
using base::UsageError;

constexpr std::string_view kDefaultDataDir = "/var/lib/clusteros/kv";
constexpr std::string_view kDefaultPeerUrl = "http://localhost:2380";
constexpr std::uint64_t kMaxElectionMs = 50'000;  // etcd's
constexpr std::uint64_t kMaxRequestBytes = 64 * 1024 * 1024;

bool called_etcd(const Invocation& invocation) {
  return invocation.program == "etcd";
}

// Each once.
std::vector<Url> urls_of(const Invocation& invocation, std::string_view option) {
  std::vector<Url> urls;
  for (const std::string& text : comma_list(invocation.get(option))) {
    Url url = strict_url(text, std::format("--{}", option));
    if (!std::ranges::contains(urls, url.origin(), &Url::origin)) urls.push_back(std::move(url));
  }
  return urls;
}

bool is_address(const std::string& host) {
  return !host.empty() &&
         (host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos);
}

std::vector<Url> listen_urls(const Invocation& invocation, std::string_view option) {
  std::vector<Url> urls = urls_of(invocation, option);
  for (const Url& url : urls) {
    if (url.host == "localhost" || is_address(url.host)) continue;
    throw UsageError(std::format("--{}: expected IP in URL for binding ({})", option, url.origin()));
  }
  return urls;
}

// Sorted, as etcd keeps them.
std::vector<std::string> origins(const std::vector<Url>& urls) {
  std::vector<std::string> texts;
  for (const Url& url : urls) texts.push_back(url.origin());
  std::ranges::sort(texts);
  return texts;
}

// What other machines can reach: a wildcard address becomes the machine's own.
std::vector<std::string> reachable(std::vector<Url> urls) {
  for (Url& url : urls) {
    if (url.host == "0.0.0.0" || url.host == "::") url.host = base::primary_address();
  }
  return origins(urls);
}

// The options that are ignored or refused, as far as they would change something.
void judge_flags(const Invocation& invocation, std::vector<std::string>& warnings) {
  for (const KvdFlag& flag : kvd_flags()) {
    if (flag.use == KvdFlag::Use::kRead || !invocation.given(flag.option.name)) continue;
    const std::string& value = invocation.get(flag.option.name);
    if (value.empty() || std::ranges::contains(flag.harmless, value)) continue;
    if (flag.use == KvdFlag::Use::kRefused) {
      throw UsageError(std::format("option '--{}={}' is refused: {}", flag.option.name, value, flag.why));
    }
    warnings.push_back(std::format("option '--{}' has no effect: {}", flag.option.name, flag.why));
  }
}

void judge_environment(const Invocation& invocation, std::span<const std::string> environment,
                       std::vector<std::string>& warnings) {
  for (const std::string& entry : environment) {
    const std::string name = entry.substr(0, entry.find('='));
    if (!name.starts_with("ETCD_") || name.size() + 1 >= entry.size()) continue;
    const auto flag = std::ranges::find_if(kvd_flags(), [&](const KvdFlag& f) { return f.option.environment == name; });
    if (flag == kvd_flags().end()) {
      warnings.push_back(std::format("unrecognized environment variable {}", name));
    } else if (entry.substr(name.size() + 1) != invocation.get(flag->option.name)) {
      warnings.push_back(std::format("{} is not used: --{} is given", name, flag->option.name));
    }
  }
}

std::uint64_t milliseconds_of(const Invocation& invocation, std::string_view option) {
  return invocation.number(option, 1, kMaxElectionMs);
}

void read_timing(const Invocation& invocation, KvdOptions& options) {
  const std::uint64_t tick = milliseconds_of(invocation, "heartbeat-interval");
  const std::uint64_t election = milliseconds_of(invocation, "election-timeout");
  if (5 * tick > election) {
    throw UsageError(std::format("--election-timeout[{}ms] should be at least as 5 times as --heartbeat-interval[{}ms]",
                                 election, tick));
  }
  options.heartbeat_interval = std::chrono::milliseconds(tick);
  options.election_timeout = std::chrono::milliseconds(election);
}

// etcd's: 0 is the default, a negative number no quota.
std::uint64_t read_quota(const Invocation& invocation) {
  constexpr std::string_view kOption = "quota-backend-bytes";
  const std::string& text = invocation.get(kOption);
  const bool none = text.size() > 1 && text.starts_with('-') && text.find_first_not_of("0123456789", 1) == text.npos;
  if (none) return 0;
  const std::uint64_t bytes = invocation.number(kOption, 0, INT64_MAX);
  return bytes == 0 ? kDefaultQuota : bytes;
}

void read_limits(const Invocation& invocation, KvdOptions& options) {
  options.max_request_bytes = invocation.number("max-request-bytes", 1024, kMaxRequestBytes);
  options.max_watchers = invocation.number("max-watchers", 1, 1'000'000);
  options.quota_bytes = read_quota(invocation);
}

void read_client_urls(const Invocation& invocation, KvdOptions& options) {
  options.listen_client_urls = listen_urls(invocation, "listen-client-urls");
  options.listen_metrics_urls = listen_urls(invocation, "listen-metrics-urls");
  if (options.listen_client_urls.empty()) throw UsageError("--listen-client-urls: at least one URL is needed");
  if (invocation.given("advertise-client-urls")) {
    options.advertise_client_urls = origins(urls_of(invocation, "advertise-client-urls"));
  } else if (called_etcd(invocation) && invocation.given("listen-client-urls")) {
    throw UsageError("--advertise-client-urls is required when --listen-client-urls is set explicitly");
  } else {
    options.advertise_client_urls = reachable(options.listen_client_urls);
  }
}

bool asks_for_others(const Invocation& invocation) {
  return std::ranges::any_of(std::initializer_list<std::string_view>{"initial-advertise-peer-urls", "initial-cluster",
                                                                     "discovery", "discovery-srv"},
                             [&](std::string_view option) { return invocation.given(option); });
}

void read_peer_urls(const Invocation& invocation, KvdOptions& options) {
  if (invocation.given("listen-peer-urls")) {
    options.listen_peer_urls = listen_urls(invocation, "listen-peer-urls");
  } else if (called_etcd(invocation) || asks_for_others(invocation)) {
    options.listen_peer_urls = {base::parse_url(kDefaultPeerUrl)};
  }
  options.initial_advertise_peer_urls = invocation.given("initial-advertise-peer-urls")
                                            ? origins(urls_of(invocation, "initial-advertise-peer-urls"))
                                            : reachable(options.listen_peer_urls);
  if (options.listen_peer_urls.empty() != options.initial_advertise_peer_urls.empty()) {
    throw UsageError("--listen-peer-urls and --initial-advertise-peer-urls: one is empty and the other is not");
  }
}

// The path is the token's: a URL without one names no cluster.
void read_discovery(const Invocation& invocation, KvdOptions& options) {
  options.discovery_url = invocation.get("discovery");
  if (options.discovery_url.empty()) return;
  Url url;
  try {
    url = base::parse_url(options.discovery_url);
  } catch (const base::Error& error) {
    throw UsageError(std::format("--discovery: {}", error.what()));
  }
  if ((url.scheme != "http" && url.scheme != "https") || url.path == "/" || url.path.contains('?')) {
    throw UsageError("--discovery: an http:// or https:// URL that ends in the cluster's token is needed");
  }
  // The URL is the token that ids are made with: all members must have the same.
  options.discovery_url.erase(options.discovery_url.find_last_not_of('/') + 1);
  const std::string& proxy = invocation.get("discovery-proxy");
  if (proxy.empty()) return;
  if (url.scheme == "https") throw UsageError("--discovery-proxy: only for an http:// discovery URL");
  options.discovery_proxy = strict_url(proxy.contains("://") ? proxy : "http://" + proxy, "--discovery-proxy").origin();
  if (!options.discovery_proxy.starts_with("http://")) throw UsageError("--discovery-proxy: only http:// is allowed");
}

void read_cluster(const Invocation& invocation, KvdOptions& options) {
  options.initial_cluster_state =
      invocation.get("initial-cluster-state") == "existing" ? ClusterState::kExisting : ClusterState::kNew;
  options.initial_cluster_token = invocation.get("initial-cluster-token");
  options.strict_reconfig_check = invocation.flag("strict-reconfig-check");
  read_discovery(invocation, options);
  options.discovery_srv = invocation.get("discovery-srv");
  options.discovery_srv_name = invocation.get("discovery-srv-name");
  const std::string& list = invocation.get("initial-cluster");
  if (int(!options.discovery_url.empty()) + int(!options.discovery_srv.empty()) + int(!list.empty()) > 1) {
    throw UsageError(
        "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery\" or "
        "\"discovery-srv\"");
  }
  const bool existing = options.initial_cluster_state == ClusterState::kExisting;
  if (existing && !options.discovery_url.empty()) {
    throw UsageError("discovery URL should not be set when joining existing initial cluster");
  }
  if (!list.empty()) {
    options.initial_cluster = parse_initial_cluster(list, "--initial-cluster");
  } else if (options.discovery_url.empty() && options.discovery_srv.empty()) {
    if (existing) throw UsageError("--initial-cluster-state=existing needs --initial-cluster");
    options.initial_cluster = {{options.name, options.initial_advertise_peer_urls}};
  }
}

bool any_https(const std::vector<Url>& urls) {
  return std::ranges::any_of(urls, [](const Url& url) { return url.scheme == "https"; });
}

// The files of one side; `prefix` is "" for clients and "peer-" for members.
base::TlsFiles read_tls(const Invocation& invocation, const std::string& prefix, const std::vector<Url>& listen,
                        bool& automatic, std::vector<std::string>& warnings) {
  const auto get = [&](std::string_view option) { return invocation.get(prefix + std::string(option)); };
  base::TlsFiles files;
  files.certificate_file = get("cert-file");
  files.key_file = get("key-file");
  files.ca_file = get("trusted-ca-file");
  // etcd asks for a certificate as soon as it has an authority to verify it.
  files.require_client_certificate = invocation.flag(prefix + "client-cert-auth") || !files.ca_file.empty();
  files.crl_file = prefix.empty() ? invocation.get("client-crl-file") : invocation.get("peer-crl-file");
  files.allowed_common_name = prefix.empty() ? "" : invocation.get("peer-cert-allowed-cn");
  files.allowed_host_name =
      invocation.get(prefix.empty() ? "client-cert-allowed-hostname" : "peer-cert-allowed-hostname");
  files.cipher_suites = comma_list(invocation.get("cipher-suites"));
  automatic = invocation.flag(prefix + "auto-tls");

  if (files.certificate_file.empty() != files.key_file.empty()) {
    throw UsageError(std::format("--{0}cert-file and --{0}key-file: one is given without the other", prefix));
  }
  if (automatic && !files.certificate_file.empty()) {
    automatic = false;
    warnings.push_back(std::format("option '--{}auto-tls' has no effect: a certificate is given", prefix));
  }
  const bool restricted =
      !files.crl_file.empty() || !files.allowed_common_name.empty() || !files.allowed_host_name.empty();
  if ((files.require_client_certificate || restricted) && files.ca_file.empty()) {
    throw UsageError(std::format("certificates cannot be verified without --{}trusted-ca-file", prefix));
  }
  const std::string_view urls = prefix.empty() ? "listen-client-urls" : "listen-peer-urls";
  if (any_https(listen) && files.certificate_file.empty() && !automatic) {
    throw UsageError(std::format("--{}: an https:// URL needs --{}cert-file and --{}key-file, or --{}auto-tls", urls,
                                 prefix, prefix, prefix));
  }
  for (const Url& url : listen) {
    if (url.scheme == "http" && (!files.certificate_file.empty() || automatic)) {
      warnings.push_back(
          std::format("--{}: {} is not encrypted; the certificate is not used there", urls, url.origin()));
    }
  }
  return files;
}

void read_http(const Invocation& invocation, KvdOptions& options) {
  options.cors = comma_list(invocation.get("cors"));
  for (const std::string& origin : options.cors) {
    if (origin != "*") check_origin(origin);
  }
  options.host_whitelist = comma_list(invocation.get("host-whitelist"));
  if (std::ranges::contains(options.host_whitelist, "*")) options.host_whitelist.clear();
  options.discovery_service_url = invocation.get("discovery-service");
}

base::LogLevel read_log_level(const Invocation& invocation) {
  const std::string& level = invocation.get("log-level");
  if (invocation.flag("debug") || level == "debug") return base::LogLevel::kDebug;
  if (level == "info") return base::LogLevel::kInfo;
  return level == "warn" ? base::LogLevel::kWarning : base::LogLevel::kError;
}

KvdOptions read_values(const Invocation& invocation, std::vector<std::string> warnings) {
  KvdOptions options;
  options.warnings = std::move(warnings);
  judge_flags(invocation, options.warnings);
  options.name = invocation.get("name");
  if (options.name.empty() || options.name.find_first_of(",=&\n") != std::string::npos) {
    throw UsageError("--name: one word without , = and & is needed");
  }
  options.data_dir = invocation.get("data-dir");
  if (options.data_dir.empty()) {
    options.data_dir = called_etcd(invocation) ? options.name + ".etcd" : std::string(kDefaultDataDir);
  }
  read_client_urls(invocation, options);
  read_peer_urls(invocation, options);
  read_cluster(invocation, options);
  read_timing(invocation, options);
  read_limits(invocation, options);
  options.client_tls = read_tls(invocation, "", options.listen_client_urls, options.client_auto_tls, options.warnings);
  options.peer_tls = read_tls(invocation, "peer-", options.listen_peer_urls, options.peer_auto_tls, options.warnings);
  if (any_https(options.listen_metrics_urls) && options.client_tls.certificate_file.empty() &&
      !options.client_auto_tls) {
    throw UsageError("--listen-metrics-urls: an https:// URL needs --cert-file and --key-file, or --auto-tls");
  }
  read_http(invocation, options);
  options.log_level = read_log_level(invocation);
  return options;
}

// The file's options in the place of the command line's and the environment's.
Invocation from_file(const Invocation& invocation, const std::string& path, std::vector<std::string>& warnings) {
  for (const auto& [option, given] : invocation.set_by_user) {
    if (given && option != "config-file") {
      warnings.push_back(std::format("option '--{}' has no effect beside --config-file", option));
    }
  }
  ConfigFileOptions file = parse_config_file(base::read_file(path), path);
  warnings.insert(warnings.end(), file.warnings.begin(), file.warnings.end());
  base::Applet applet;
  applet.options = kvd_option_table();
  for (base::Option& option : applet.options) option.environment = {};
  applet.run = [](const Invocation&) { return 0; };
  try {
    return base::parse_invocation(applet, invocation.program, file.arguments);
  } catch (const UsageError& error) {
    throw UsageError(std::format("{}: {}", path, error.what()));
  }
}

}  // namespace

KvdOptions read_kvd_options(const Invocation& invocation, std::span<const std::string> environment) {
  std::vector<std::string> warnings;
  const std::string& path = invocation.get("config-file");
  if (!path.empty()) {
    const Invocation file = from_file(invocation, path, warnings);
    return read_values(file, std::move(warnings));
  }
  judge_environment(invocation, environment, warnings);
  return read_values(invocation, std::move(warnings));
}

}  // namespace kv
