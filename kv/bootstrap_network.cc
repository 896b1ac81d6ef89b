#include "kv/bootstrap_network.h"

#include <thread>

#include "base/http_client.h"

namespace kv {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kResolveTime{5000};
constexpr milliseconds kConnectTime{5000};
constexpr std::size_t kMaxAnswer = 1024 * 1024;

base::HttpClientOptions client_options(milliseconds patience) {
  base::HttpClientOptions options;
  options.connect_timeout = kConnectTime;
  options.io_timeout = patience;
  options.max_body_bytes = kMaxAnswer;
  return options;
}

base::HttpClientOptions peer_options(const KvdOptions& kvd) {
  const base::TlsFiles& tls = kvd.peer_tls;
  base::HttpClientOptions options = client_options(kConnectTime);
  options.ca_file = tls.ca_file;
  options.certificate_file = tls.certificate_file;
  options.key_file = tls.key_file;
  options.insecure_skip_verify = kvd.peer_auto_tls;  // members that sign for themselves
  return options;
}

class SystemNetwork : public BootstrapNetwork {
 public:
  explicit SystemNetwork(const KvdOptions& options) : proxy_(options.discovery_proxy), peers_(peer_options(options)) {}

  std::vector<std::string> addresses(const std::string& host) override { return base::resolve(host, kResolveTime); }
  std::vector<base::SrvRecord> services(const std::string& name) override {
    return base::resolve_srv(name, kResolveTime);
  }
  base::HttpResponse ask_peer(const base::Url& url, const base::HttpRequest& request, milliseconds patience) override {
    peers_.connect_timeout = peers_.io_timeout = patience;
    return base::HttpClient(peers_).request(url, request);
  }

  // A proxy gets the whole URL as the target (RFC 9112, 3.2.2).
  base::HttpResponse ask_discovery(const base::Url& url, const base::HttpRequest& request,
                                   milliseconds patience) override {
    base::HttpClient client(client_options(patience));
    if (proxy_.empty()) return client.request(url, request);
    base::HttpRequest forwarded = request;
    forwarded.target = url.origin() + request.target;
    forwarded.headers.set("Host", url.origin().substr(url.origin().find("://") + 3));
    return client.request(base::parse_url(proxy_), forwarded);
  }

  void pause(milliseconds time) override { std::this_thread::sleep_for(time); }

 private:
  std::string proxy_;
  base::HttpClientOptions peers_;
};

}  // namespace

std::unique_ptr<BootstrapNetwork> system_bootstrap_network(const KvdOptions& options) {
  return std::make_unique<SystemNetwork>(options);
}

}  // namespace kv
