#pragma once
// Figures of this member: /v2/stats/…, /v2/machines, /metrics and /debug/vars.

#include <string>

#include "base/http_server.h"
#include "kv/health_api.h"
#include "kv/peer_stats.h"
#include "kv/replica.h"

namespace kv {

class StatsApi {
 public:
  // All must outlive it and the server.
  StatsApi(Replica& replica, PeerStats& peers, const HealthCounters& health, std::string name)
      : replica_(replica), peers_(peers), health_(health), name_(std::move(name)) {}

  // False when `path` (decoded, clean) is none of these.
  bool handle(const base::HttpRequest& request, const std::string& path, base::HttpReply& reply);

 private:
  base::HttpResponse machines() const;
  base::HttpResponse store() const;
  base::HttpResponse self();
  base::HttpResponse leader() const;
  base::HttpResponse metrics() const;
  base::HttpResponse variables() const;

  Replica& replica_;
  PeerStats& peers_;
  const HealthCounters& health_;
  std::string name_;
};

}  // namespace kv
