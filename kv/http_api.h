#pragma once
// Everything on the client port: finds the part of the API that a path belongs to, or says as Go's net/http does that
// there is nothing (404), that the method does not fit (405) or that the path is not clean (301).

#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "kv/access.h"
#include "kv/auth_api.h"
#include "kv/cors.h"
#include "kv/discovery_service.h"
#include "kv/health_api.h"
#include "kv/members_api.h"
#include "kv/peer_stats.h"
#include "kv/replica.h"
#include "kv/stats_api.h"
#include "kv/v2_keys.h"

namespace kv {

struct HttpApiOptions {
  std::string name;                       // of this member
  std::vector<std::string> cors = {"*"};  // origins whose web pages may use the API (--cors)
  WatchLimits watches = {};
  bool strict_reconfig_check = true;       // refuse member changes that could lose the quorum
  std::string discovery_service_url = {};  // base of the URLs that /new gives; "": no discovery service
};

class HttpApi {
 public:
  // `replica` and `loop` must outlive it and the server.
  HttpApi(Replica& replica, base::EventLoop& loop, std::uint64_t cluster_id, HttpApiOptions options);

  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);

  // To be called ten times a second or so: takes note of a new leader.
  void tick() { peer_stats_.leader_is(replica_.engine_status().leader_id); }

  // Which other members this one hears from.
  void use_connections(std::function<bool(std::uint64_t)> connected) { members_.use_connections(std::move(connected)); }

  // For the transport to tell.
  PeerStats& peer_stats() { return peer_stats_; }

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;

  void route(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply);

  Replica& replica_;
  std::string cluster_id_;
  Cors cors_;
  PeerStats peer_stats_;
  AccessControl access_;
  V2Keys keys_;
  MembersApi members_;
  AuthApi auth_;
  HealthApi health_;
  StatsApi stats_;
  std::unique_ptr<DiscoveryService> discovery_;  // null: not asked for
};

}  // namespace kv
