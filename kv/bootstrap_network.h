#pragma once
// All that a bootstrap asks of the world, so that it can be tested without one.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/resolver.h"
#include "base/tls.h"
#include "base/url.h"
#include "kv/kvd_options.h"

namespace kv {

// Blocking. All but pause() throw base::Error when there is no answer.
class BootstrapNetwork {
 public:
  virtual ~BootstrapNetwork() = default;

  // Addresses of a host, IPv4 first.
  virtual std::vector<std::string> addresses(const std::string& host) = 0;
  // SRV records of "_etcd-server._tcp.example.com"; empty when there are none.
  virtual std::vector<base::SrvRecord> services(const std::string& name) = 0;
  // A request to another member's peer URL. `patience`: the longest silence, and for the connection.
  virtual base::HttpResponse ask_peer(const base::Url& url, const base::HttpRequest& request,
                                      std::chrono::milliseconds patience) = 0;
  // A request to the discovery service, through the proxy where one is set. `patience` is the longest silence.
  virtual base::HttpResponse ask_discovery(const base::Url& url, const base::HttpRequest& request,
                                           std::chrono::milliseconds patience) = 0;
  virtual void pause(std::chrono::milliseconds time) = 0;
};

// The machine's network, with the TLS files for members (peer_tls) and the discovery proxy of the options.
std::unique_ptr<BootstrapNetwork> system_bootstrap_network(const KvdOptions& options);

}  // namespace kv
