#include "kv/kvd_flags.h"

#include <algorithm>
#include <cctype>
#include <deque>

#include "base/text.h"

namespace kv {

namespace {

using Use = KvdFlag::Use;

std::string environment_name(std::string_view flag) {
  std::string name = "ETCD_" + std::string(flag);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return name;
}

// Texts that live as long as the table.
std::string_view kept(std::string text) {
  static std::deque<std::string> texts;
  return texts.emplace_back(std::move(text));
}

KvdFlag value(std::string_view name, std::string_view value_name, std::string_view help,
              std::string_view fallback = {}) {
  KvdFlag flag;
  flag.option = {.name = name, .value = value_name, .help = help, .fallback = fallback};
  return flag;
}

KvdFlag choice(std::string_view name, std::string_view help, std::string_view fallback,
               std::vector<std::string_view> choices) {
  KvdFlag flag = value(name, "WORD", help, fallback);
  flag.option.choices = std::move(choices);
  return flag;
}

KvdFlag truth(std::string_view name, std::string_view help, std::string_view fallback = {}) {
  return value(name, {}, help, fallback);
}

KvdFlag unused(Use use, std::string_view name, std::string_view value_name, std::string_view why,
               std::vector<std::string_view> harmless = {}) {
  KvdFlag flag = value(name, value_name, kept((use == Use::kIgnored ? "no effect: " : "refused: ") + std::string(why)));
  flag.use = use;
  flag.why = why;
  flag.harmless = std::move(harmless);
  return flag;
}

void add_member_flags(std::vector<KvdFlag>& all) {
  all.push_back(value("name", "NAME", "name of this member", "default"));
  all.push_back(value("data-dir", "DIR",
                      "directory of this member's data, used by one process at a time (default: "
                      "/var/lib/clusteros/kv; called as etcd: NAME.etcd)"));
  all.push_back(
      value("config-file", "FILE", "YAML file with these options; all other options and variables are ignored"));
  all.push_back(value("listen-client-urls", "URLS", "comma-separated http:// and https:// URLs to answer clients on",
                      "http://localhost:2379"));
  all.push_back(value("advertise-client-urls", "URLS",
                      "comma-separated URLs that clients are told to use (default: those it listens on; called as etcd "
                      "needed beside --listen-client-urls)"));
  all.push_back(value("listen-peer-urls", "URLS",
                      "comma-separated URLs to answer other members on (default: none for a kvd alone; in a cluster, "
                      "or called as etcd, http://localhost:2380)"));
  all.push_back(value("listen-metrics-urls", "URLS", "comma-separated URLs that answer /metrics and /health alone"));
  all.push_back(value("heartbeat-interval", "MS", "milliseconds between heartbeats of the leader", "100"));
  all.push_back(
      value("election-timeout", "MS", "milliseconds without a heartbeat until an election, 50000 at most", "1000"));
  all.push_back(value("max-request-bytes", "BYTES", "largest body of a client's request", "2097152"));
  all.push_back(value("max-watchers", "NUMBER", "most watches at a time (not in etcd)", "16000"));
  all.push_back(value("quota-backend-bytes", "BYTES",
                      "size of the state above which only removals are taken; 0: 2 GiB, negative: none", "0"));
}

void add_cluster_flags(std::vector<KvdFlag>& all) {
  all.push_back(value("initial-advertise-peer-urls", "URLS",
                      "URLs that other members are told to use (default: --listen-peer-urls)"));
  all.push_back(value("initial-cluster", "NAME=URL,...", "the members of a new cluster (default: this one)"));
  all.push_back(choice("initial-cluster-state", "whether the cluster is made now or is there already", "new",
                       {"new", "existing"}));
  all.push_back(value("initial-cluster-token", "TEXT", "tells clusters apart that have the same URLs", "etcd-cluster"));
  all.push_back(value("discovery", "URL", "the members find each other at this discovery URL"));
  all.push_back(value("discovery-proxy", "URL", "HTTP proxy on the way to the discovery URL"));
  all.push_back(unused(Use::kRefused, "discovery-fallback", "WORD",
                       "when the discovery's cluster is full kvd exits; there is no proxy mode", {"exit"}));
  all.push_back(value("discovery-service", "URL",
                      "be a discovery service for new clusters, whose URLs begin with this one (not in etcd)"));
  all.push_back(value("discovery-srv", "DOMAIN",
                      "the members are the SRV records _etcd-server-ssl._tcp and _etcd-server._tcp of this domain"));
  all.push_back(
      value("discovery-srv-name", "SUFFIX", "asks for _etcd-server-ssl-SUFFIX and _etcd-server-SUFFIX instead"));
  all.push_back(truth("strict-reconfig-check", "refuse changes of the members that would cost the quorum", "true"));
}

void add_security_flags(std::vector<KvdFlag>& all) {
  all.push_back(value("cert-file", "FILE", "PEM certificate for https:// client URLs, read again when it changes"));
  all.push_back(value("key-file", "FILE", "its key"));
  all.push_back(truth("client-cert-auth", "clients must show a certificate that --trusted-ca-file signs"));
  all.push_back(
      value("trusted-ca-file", "FILE", "PEM authorities of the clients' certificates; implies --client-cert-auth"));
  all.push_back(value("client-crl-file", "FILE", "PEM list of certificates that are revoked"));
  all.push_back(value("client-cert-allowed-hostname", "NAME", "name that the clients' certificates must be valid for"));
  all.push_back(truth("auto-tls", "make a certificate for https:// client URLs, without an authority"));
  all.push_back(value("peer-cert-file", "FILE", "PEM certificate for the other members, as server and as client"));
  all.push_back(value("peer-key-file", "FILE", "its key"));
  all.push_back(truth("peer-client-cert-auth", "members must show a certificate that --peer-trusted-ca-file signs"));
  all.push_back(value("peer-trusted-ca-file", "FILE", "PEM authorities of the members' certificates"));
  all.push_back(value("peer-crl-file", "FILE", "PEM list of members' certificates that are revoked"));
  all.push_back(value("peer-cert-allowed-cn", "NAME", "common name that the members' certificates must have"));
  all.push_back(value("peer-cert-allowed-hostname", "NAME", "name that the members' certificates must be valid for"));
  all.push_back(truth("peer-auto-tls", "make a certificate for https:// peer URLs, without an authority"));
  all.push_back(value("cipher-suites", "NAMES", "comma-separated cipher suites of TLS 1.2, by their IANA names"));
  all.push_back(value("cors", "ORIGINS", "comma-separated origins of web pages that may use the store; *: any", "*"));
  all.push_back(
      value("host-whitelist", "NAMES", "comma-separated names that requests over http:// may be for; *: any", "*"));
}

void add_log_flags(std::vector<KvdFlag>& all) {
  all.push_back(choice("log-level", "the least important lines of the log", "info",
                       {"debug", "info", "warn", "error", "panic", "fatal"}));
  all.push_back(truth("debug", "the same as --log-level=debug"));
  for (std::string_view name : {"log-outputs", "log-output"}) {
    all.push_back(unused(Use::kIgnored, name, "NAMES", "log lines go to standard error", {"default", "stderr"}));
  }
  all.push_back(unused(Use::kIgnored, "logger", "WORD", "log lines have one form", {"capnslog"}));
  all.push_back(unused(Use::kIgnored, "log-package-levels", "TEXT", "--log-level is for all parts"));
}

void add_refused_flags(std::vector<KvdFlag>& all) {
  all.push_back(unused(Use::kRefused, "force-new-cluster", {},
                       "a member does not begin a cluster with another one's data", {"false"}));
  all.push_back(unused(Use::kRefused, "wal-dir", "DIR", "the log is kept in --data-dir"));
  all.push_back(unused(Use::kRefused, "enable-v2", {}, "the v2 API is always there", {"true"}));
  all.push_back(
      unused(Use::kRefused, "proxy", "WORD", "there is no proxy mode; give clients the members' URLs", {"off"}));
  all.push_back(
      unused(Use::kRefused, "experimental-enable-v2v3", "PREFIX", "the v2 keys are not under a prefix of v3's"));
}

void add_ignored_flags(std::vector<KvdFlag>& all) {
  auto add = [&](std::string_view name, std::string_view value_name, std::string_view why,
                 std::vector<std::string_view> harmless = {}) {
    all.push_back(unused(Use::kIgnored, name, value_name, why, std::move(harmless)));
  };
  add("snapshot-count", "NUMBER", "the state is written once a second");
  add("bcrypt-cost", "NUMBER", "passwords are hashed with cost 10", {"10"});
  add("metrics", "WORD", "/metrics tells all that there is", {"basic"});
  add("pre-vote", {}, "elections always begin with a pre-vote", {"true"});
  add("initial-election-tick-advance", {}, "elections do not wait at the start");
  for (std::string_view name : {"max-snapshots", "max-wals"}) add(name, "NUMBER", "files are kept as long as needed");
  add("backend-batch-interval", "DURATION", "the state is written once a second, off the way of requests");
  add("backend-batch-limit", "NUMBER", "the state is written once a second, off the way of requests");
  add("auto-compaction-retention", "TEXT", "the history is bounded by number and size");
  add("auto-compaction-mode", "WORD", "the history is bounded by number and size");
  add("experimental-compaction-batch-limit", "NUMBER", "the history is bounded by number and size");
  add("max-txn-ops", "NUMBER", "there are no transactions in the v2 API");
  for (std::string_view name :
       {"max-concurrent-streams", "grpc-keepalive-min-time", "grpc-keepalive-interval", "grpc-keepalive-timeout"}) {
    add(name, "TEXT", "there is no gRPC");
  }
  add("enable-grpc-gateway", {}, "there is no gRPC");
  add("auth-token", "TEXT", "tokens belong to the v3 API", {"simple"});
  add("auth-token-ttl", "SECONDS", "tokens belong to the v3 API");
  add("enable-pprof", {}, "there is no /debug/pprof", {"false"});
  for (std::string_view name : {"proxy-failure-wait", "proxy-refresh-interval", "proxy-dial-timeout",
                                "proxy-write-timeout", "proxy-read-timeout"}) {
    add(name, "MS", "there is no proxy mode");
  }
  add("experimental-initial-corrupt-check", {}, "checksums are always verified");
  add("experimental-corrupt-check-time", "DURATION", "members compare their states once a second");
  add("experimental-backend-bbolt-freelist-type", "WORD", "the state is not in a bbolt file");
  add("experimental-enable-lease-checkpoint", {}, "the end of a TTL is in the log");
  add("experimental-peer-skip-client-san-verification", {}, "the addresses in members' certificates are not compared");
  add("experimental-watch-progress-notify-interval", "DURATION", "it belongs to the v3 API");
  add("experimental-warning-apply-duration", "DURATION", "slow requests are not logged");
  for (std::string_view name :
       {"cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "force", "max-result-buffer",
        "max-retry-attempts", "peer-heartbeat-interval", "peer-election-timeout", "retry-interval", "snapshot"}) {
    const bool flag = name == "force" || name == "snapshot";
    add(name, flag ? "" : "TEXT", "etcd 0.4 had it");
  }
}

std::vector<KvdFlag> make_flags() {
  std::vector<KvdFlag> all;
  add_member_flags(all);
  add_cluster_flags(all);
  add_security_flags(all);
  add_log_flags(all);
  add_refused_flags(all);
  add_ignored_flags(all);
  for (KvdFlag& flag : all) flag.option.environment = kept(environment_name(flag.option.name));
  return all;
}

}  // namespace

std::span<const KvdFlag> kvd_flags() {
  static const std::vector<KvdFlag> kFlags = make_flags();
  return kFlags;
}

std::vector<base::Option> kvd_option_table() {
  std::vector<base::Option> options;
  for (const KvdFlag& flag : kvd_flags()) options.push_back(flag.option);
  return options;
}

}  // namespace kv
