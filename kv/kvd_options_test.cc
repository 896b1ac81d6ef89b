#include "kv/kvd_options.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "kv/kvd.h"
#include "kv/kvd_flags.h"

namespace {

using kv::KvdOptions;
using Words = std::vector<std::string>;

KvdOptions read_as(const std::string& program, const Words& words, const Words& environment = {}) {
  const base::Applet applet = kv::kvd_applet();
  return kv::read_kvd_options(base::parse_invocation(applet, program, words), environment);
}

// The error's line, or "" when there is none.
std::string refusal(const Words& words, const std::string& program = "etcd") {
  try {
    read_as(program, words);
    return "";
  } catch (const base::UsageError& error) {
    return error.what();
  }
}

Words urls(const std::vector<base::Url>& list) {
  Words texts;
  for (const base::Url& url : list) texts.push_back(url.origin());
  return texts;
}

TEST_CASE("kvd alone has a place for its data and no peers") {
  const KvdOptions options = read_as("kvd", {});
  CHECK(options.name == "default");
  CHECK(options.data_dir == "/var/lib/clusteros/kv");
  CHECK(urls(options.listen_client_urls) == Words{"http://localhost:2379"});
  CHECK(options.advertise_client_urls == Words{"http://localhost:2379"});
  CHECK(options.listen_peer_urls.empty());
  CHECK(options.initial_advertise_peer_urls.empty());
  CHECK(options.heartbeat_interval == std::chrono::milliseconds(100));
  CHECK(options.election_timeout == std::chrono::milliseconds(1000));
  CHECK(options.warnings.empty());
}

TEST_CASE("called as etcd it has etcd's defaults") {
  const KvdOptions options = read_as("etcd", {"-name", "n1"});
  CHECK(options.data_dir == "n1.etcd");
  CHECK(urls(options.listen_peer_urls) == Words{"http://localhost:2380"});
  CHECK(options.initial_cluster == std::vector<kv::InitialMember>{{"n1", {"http://localhost:2380"}}});
  CHECK(options.initial_cluster_token == "etcd-cluster");
  CHECK(kv::bind_address(options.listen_client_urls[0]) == "127.0.0.1");
}

TEST_CASE("one dash or two, '=' or a blank") {
  for (const Words& words : {Words{"-name", "a"}, Words{"-name=a"}, Words{"--name", "a"}, Words{"--name=a"}}) {
    CHECK(read_as("etcd", words).name == "a");
  }
  CHECK_FALSE(read_as("etcd", {"-strict-reconfig-check=false"}).strict_reconfig_check);
}

TEST_CASE("a cluster in etcd's words") {
  const KvdOptions options =
      read_as("etcd", {"--name", "b", "--initial-cluster",
                       "b=http://10.0.0.2:2380,a=http://10.0.0.1:2380,a=http://10.0.0.1:7001",
                       "--initial-advertise-peer-urls", "http://10.0.0.2:2380", "--listen-peer-urls",
                       "http://0.0.0.0:2380", "--initial-cluster-token", "t", "--initial-cluster-state", "existing"});
  CHECK(options.initial_cluster ==
        std::vector<kv::InitialMember>{{"b", {"http://10.0.0.2:2380"}},
                                       {"a", {"http://10.0.0.1:2380", "http://10.0.0.1:7001"}}});
  CHECK(kv::initial_cluster_text(options.initial_cluster) ==
        "b=http://10.0.0.2:2380,a=http://10.0.0.1:2380,a=http://10.0.0.1:7001");
  CHECK(options.initial_advertise_peer_urls == Words{"http://10.0.0.2:2380"});
  CHECK(options.initial_cluster_token == "t");
  CHECK(options.initial_cluster_state == kv::ClusterState::kExisting);
}

TEST_CASE("URLs to advertise are sorted and stand once; without any, kvd tells those that it listens on") {
  CHECK(read_as("etcd", {"--advertise-client-urls", "http://b:1,http://a:1,http://b:1"}).advertise_client_urls ==
        Words{"http://a:1", "http://b:1"});
  CHECK(read_as("kvd", {"--listen-client-urls", "http://10.0.0.1:1"}).advertise_client_urls ==
        Words{"http://10.0.0.1:1"});
  CHECK(urls(read_as("kvd", {"--listen-client-urls", "http://10.0.0.1:1,http://10.0.0.1:1/"}).listen_client_urls) ==
        Words{"http://10.0.0.1:1"});
  CHECK(read_as("kvd", {"--listen-peer-urls", "http://10.0.0.1:1"}).initial_advertise_peer_urls ==
        Words{"http://10.0.0.1:1"});
  CHECK_FALSE(
      read_as("kvd", {"--listen-client-urls", "http://0.0.0.0:1"}).advertise_client_urls[0].contains("0.0.0.0"));
}

TEST_CASE("etcd's rules for URLs") {
  CHECK(refusal({"--listen-peer-urls", "tcp://1.2.3.4:1"}).contains("the scheme must be http"));
  CHECK(refusal({"--listen-peer-urls", "unix:///x"}) ==
        "--listen-peer-urls: 'unix:///x': URL scheme must be http or https");
  CHECK(refusal({"--listen-peer-urls", "http://1.2.3.4"}).ends_with("does not have the form \"host:port\""));
  CHECK(refusal({"--listen-peer-urls", "http://1.2.3.4:80/x"}).ends_with("no more than scheme, host and port"));
  CHECK(refusal({"--listen-peer-urls", "http://1.2.3.4:99999"}).contains("1 to 65535"));
  CHECK(refusal({"--listen-peer-urls", "http://host.example:1"}) ==
        "--listen-peer-urls: expected IP in URL for binding (http://host.example:1)");
  CHECK(refusal({"--listen-peer-urls", "http://[::1]:1", "--advertise-client-urls", "http://host.example:1"}).empty());
  CHECK(refusal({"--listen-client-urls", ",", "--advertise-client-urls", "http://a:1"}).contains("at least one URL"));
}

TEST_CASE("etcd's rules between options") {
  CHECK(refusal({"--listen-client-urls", "http://10.0.0.1:1"}) ==
        "--advertise-client-urls is required when --listen-client-urls is set explicitly");
  CHECK(refusal({"--heartbeat-interval", "300"}) ==
        "--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[300ms]");
  CHECK(refusal({"--election-timeout", "60000"}).contains("from 1 to 50000"));
  CHECK(refusal({"--heartbeat-interval", "0"}).contains("from 1 to 50000"));
  CHECK(refusal({"--discovery", "http://a/t", "--initial-cluster", "default=http://localhost:2380"})
            .starts_with("multiple discovery or bootstrap flags are set."));
  CHECK(refusal({"--discovery", "http://a/t", "--discovery-srv", "x.example"})
            .starts_with("multiple discovery or bootstrap flags are set."));
  CHECK(refusal({"--discovery", "http://a/t", "--initial-cluster-state", "existing"}) ==
        "discovery URL should not be set when joining existing initial cluster");
  CHECK(refusal({"--initial-cluster-state", "existing"}) == "--initial-cluster-state=existing needs --initial-cluster");
  CHECK(refusal({"--initial-cluster-state", "old"}).contains("'old' is not one of new, existing"));
  CHECK(refusal({"--discovery", "http://a"}).contains("ends in the cluster's token"));
  CHECK(refusal({"--discovery", "https://a/t", "--discovery-proxy", "p:1"}).contains("only for an http://"));
  CHECK(read_as("etcd", {"--discovery", "http://a/t", "--discovery-proxy", "p:1"}).discovery_proxy == "http://p:1");
  CHECK(refusal({"--initial-cluster", "x"}) == "--initial-cluster: 'x' is not of the form NAME=URL");
  CHECK(refusal({"--initial-cluster", "x=10.0.0.1:1"}).contains("no scheme"));
  CHECK(refusal({"--name", "a=b"}).contains("--name"));
  CHECK(read_as("etcd", {"--discovery", "http://a/t/"}).discovery_url == "http://a/t");
  CHECK(read_as("etcd", {}).cors == Words{"*"});
  CHECK(read_as("etcd", {"--cors", "https://www.example.com,http://a:1"}).cors ==
        Words{"https://www.example.com", "http://a:1"});
  CHECK(refusal({"--cors", "www.example.com"}).starts_with("--cors: 'www.example.com' is not"));
  CHECK(refusal({"--cors", "http://a/x"}).starts_with("--cors: 'http://a/x' is not"));
  CHECK(refusal({"--force-new-cluster"}).contains("is refused"));
}

TEST_CASE("TLS options fit together or are refused") {
  CHECK(refusal({"--listen-client-urls", "https://127.0.0.1:1"}, "kvd").contains("needs --cert-file and --key-file"));
  CHECK(refusal({"--listen-peer-urls", "https://127.0.0.1:1"}).contains("needs --peer-cert-file and --peer-key-file"));
  CHECK(refusal({"--listen-metrics-urls", "https://127.0.0.1:1"}).contains("needs --cert-file"));
  CHECK(refusal({"--cert-file", "c"}).contains("one is given without the other"));
  CHECK(refusal({"--client-cert-auth"}) == "certificates cannot be verified without --trusted-ca-file");
  CHECK(refusal({"--peer-cert-allowed-cn", "x"}) == "certificates cannot be verified without --peer-trusted-ca-file");
  CHECK(refusal({"--client-crl-file", "x"}) == "certificates cannot be verified without --trusted-ca-file");

  const KvdOptions options =
      read_as("kvd", {"--listen-client-urls", "https://127.0.0.1:1,http://127.0.0.1:2", "--cert-file", "c",
                      "--key-file", "k", "--trusted-ca-file", "a", "--cipher-suites", "TLS_A,TLS_B", "--auto-tls"});
  CHECK(options.client_tls == base::TlsFiles{.certificate_file = "c",
                                             .key_file = "k",
                                             .ca_file = "a",
                                             .require_client_certificate = true,
                                             .cipher_suites = {"TLS_A", "TLS_B"}});
  CHECK_FALSE(options.client_auto_tls);
  CHECK(options.warnings ==
        Words{"option '--auto-tls' has no effect: a certificate is given",
              "--listen-client-urls: http://127.0.0.1:2 is not encrypted; the certificate is not used there"});
  CHECK(read_as("kvd", {"--listen-client-urls", "https://127.0.0.1:1", "--auto-tls"}).client_auto_tls);
}

TEST_CASE("what means nothing here is named once, what would be untrue is refused") {
  CHECK(read_as("etcd", {"--max-wals=3", "--logger", "zap", "--log-outputs=stderr", "--pre-vote", "--enable-v2"})
            .warnings == Words{"option '--logger' has no effect: log lines have one form",
                               "option '--max-wals' has no effect: files are kept as long as needed"});
  CHECK(read_as("etcd", {"--pre-vote=false"}).warnings.size() == 1);
  CHECK(refusal({"--wal-dir", "/x"}) == "option '--wal-dir=/x' is refused: the log is kept in --data-dir");
  CHECK(refusal({"--enable-v2=false"}).contains("the v2 API is always there"));
  CHECK(refusal({"--proxy", "on"}).contains("no proxy mode"));
  CHECK(refusal({"--proxy", "off"}).empty());
  CHECK(refusal({"--discovery-fallback", "proxy"}).contains("no proxy mode"));
}

TEST_CASE("every option has its variable; an option is stronger") {
  for (const kv::KvdFlag& flag : kv::kvd_flags()) {
    CHECK(flag.option.environment.starts_with("ETCD_"));
    CHECK_FALSE(flag.option.environment.contains('-'));
    CHECK_FALSE(flag.option.help.empty());
  }
  ::setenv("ETCD_INITIAL_CLUSTER_TOKEN", "from-variable", 1);
  const Words environment{"ETCD_INITIAL_CLUSTER_TOKEN=from-variable", "ETCD_NO_SUCH=1", "PATH=/bin", "ETCD_EMPTY="};
  CHECK(read_as("etcd", {}, environment).initial_cluster_token == "from-variable");
  CHECK(read_as("etcd", {}, environment).warnings == Words{"unrecognized environment variable ETCD_NO_SUCH"});
  const KvdOptions options = read_as("etcd", {"--initial-cluster-token", "mine"}, environment);
  CHECK(options.initial_cluster_token == "mine");
  CHECK(options.warnings == Words{"ETCD_INITIAL_CLUSTER_TOKEN is not used: --initial-cluster-token is given",
                                  "unrecognized environment variable ETCD_NO_SUCH"});
  ::unsetenv("ETCD_INITIAL_CLUSTER_TOKEN");
}

TEST_CASE("a configuration file stands for all options") {
  const base::TempDir directory;
  const std::string path = directory.path() + "/etcd.yaml";
  base::write_file_atomic(
      path,
      "name: filed\nheartbeat-interval: 50\nenable-v2: yes\nwal-dir:\ncors: 'http://a:1,http://b:2'\n"
      "log-outputs: [stderr]\nquota-backend-bytes: 1000\ninitial-cluster-tokn: x\n"
      "client-transport-security:\n  cert-file: c.pem\n  key-file: k.pem\n  client-cert-auth: true\n"
      "  trusted-ca-file: ca.pem\npeer-transport-security:\n  auto-tls: on\n");
  const KvdOptions options = read_as("etcd", {"--config-file", path, "--name", "typed"});
  CHECK(options.name == "filed");
  CHECK(options.quota_bytes == 1000);
  CHECK(options.data_dir == "filed.etcd");
  CHECK(options.heartbeat_interval == std::chrono::milliseconds(50));
  CHECK(options.cors == Words{"http://a:1", "http://b:2"});
  CHECK(options.client_tls.certificate_file == "c.pem");
  CHECK(options.client_tls.require_client_certificate);
  CHECK(options.peer_auto_tls);
  REQUIRE(options.warnings.size() >= 2);
  CHECK(options.warnings[0] == "option '--name' has no effect beside --config-file");
  CHECK(options.warnings[1] ==
        path + ":8:1: 'initial-cluster-tokn' means nothing (did you mean 'initial-cluster-token'?)");

  base::write_file_atomic(path, "name: [a\n");
  CHECK(refusal({"--config-file", path}).starts_with(path + ":2:"));
  base::write_file_atomic(path, "log-level: loud\n");
  CHECK(refusal({"--config-file", path}).starts_with(path + ": option '--log-level'"));
  base::write_file_atomic(path, "- name\n");
  CHECK(refusal({"--config-file", path}) == path + ":1:1: a mapping of options is needed here");
}

}  // namespace
