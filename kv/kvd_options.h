#pragma once
// What kvd was told, by options, ETCD_* variables or a file, checked and in our own types. The rules are etcd 3.4's
// (embed/config.go, etcdmain/config.go); differences are in docs/kv.md.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/applet.h"
#include "base/log.h"
#include "base/tls.h"
#include "base/url.h"
#include "kv/quota.h"

namespace kv {

// One member of a cluster that does not exist yet. URLs as in "http://10.0.0.1:2380", sorted.
struct InitialMember {
  std::string name;
  std::vector<std::string> peer_urls;

  bool operator==(const InitialMember&) const = default;
};

enum class ClusterState { kNew, kExisting };

struct KvdOptions {
  std::string name = "default";
  std::string data_dir = {};

  std::vector<base::Url> listen_client_urls = {};   // http and https; the host is an IP address or "localhost"
  std::vector<base::Url> listen_peer_urls = {};     // empty: a member alone that no other one can reach
  std::vector<base::Url> listen_metrics_urls = {};  // /metrics and /health alone
  std::vector<std::string> advertise_client_urls = {};
  std::vector<std::string> initial_advertise_peer_urls = {};  // empty as listen_peer_urls

  // Exactly one of initial_cluster (at least this member), discovery_url and discovery_srv is filled.
  std::vector<InitialMember> initial_cluster = {};
  std::string initial_cluster_token = "etcd-cluster";
  ClusterState initial_cluster_state = ClusterState::kNew;
  std::string discovery_url = {};
  std::string discovery_proxy = {};  // "http://host:port" or empty
  std::string discovery_srv = {};
  std::string discovery_srv_name = {};
  std::string discovery_service_url = {};  // base of the URLs that this store gives to new clusters; empty: none
  bool strict_reconfig_check = true;

  std::chrono::milliseconds heartbeat_interval{100};
  std::chrono::milliseconds election_timeout{1000};  // at least 5 heartbeats, 50 s at most
  std::uint64_t max_request_bytes = 2 * 1024 * 1024;
  std::uint64_t max_watchers = 16'000;
  std::uint64_t quota_bytes = kDefaultQuota;  // of the state; 0: none

  // Where a certificate is to be made, certificate_file is empty: kvd_tls.h makes it.
  base::TlsFiles client_tls = {};
  base::TlsFiles peer_tls = {};
  bool client_auto_tls = false;
  bool peer_auto_tls = false;

  std::vector<std::string> cors = {"*"};         // origins of web pages; "*": any
  std::vector<std::string> host_whitelist = {};  // empty: any
  base::LogLevel log_level = base::LogLevel::kInfo;

  std::vector<std::string> warnings = {};  // for the log: what was ignored, one line each
};

// Pure but for --config-file, which it reads. `environment` ("NAME=value") is only looked at for ETCD_* variables that
// mean nothing or that an option overrides; those that count are in `invocation`. Throws base::UsageError with one
// line.
KvdOptions read_kvd_options(const base::Invocation& invocation, std::span<const std::string> environment);

// "a=http://10.0.0.1:2380,b=…", also with '&' between the pairs. A name may stand more than once. Throws
// base::UsageError; `where` begins its text.
std::vector<InitialMember> parse_initial_cluster(const std::string& text, const std::string& where);
std::string initial_cluster_text(const std::vector<InitialMember>& members);

// The address to bind for a URL to listen on.
std::string bind_address(const base::Url& url);

}  // namespace kv
