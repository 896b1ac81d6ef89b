#pragma once
// /v2/keys: a parsed request becomes a read, a watch or a command; the outcome becomes an answer.

#include <memory>

#include "base/http_server.h"
#include "kv/access.h"
#include "kv/replica.h"
#include "kv/v2_request.h"
#include "kv/watch_streams.h"

namespace kv {

class V2Keys {
 public:
  // `replica` and `access` must outlive it and the server. `cluster_id`: as in the X-Etcd-Cluster-Id header.
  V2Keys(Replica& replica, AccessControl& access, Post post, WatchLimits limits, std::string cluster_id)
      : replica_(replica),
        access_(access),
        cluster_id_(std::move(cluster_id)),
        watches_(replica.store(), replica.watches(), std::move(post), limits) {}

  // `path`: decoded and clean, begins with "/v2/keys".
  void handle(const base::HttpRequest& request, const std::string& path, const std::shared_ptr<base::HttpReply>& reply);

 private:
  void run(const V2Request& request, const std::shared_ptr<base::HttpReply>& reply);
  void answer(const Result& result, bool no_value, base::HttpReply& reply) const;
  void read(const std::string& key, bool recursive, base::HttpReply& reply);
  void watch(const V2Request& request, const std::shared_ptr<base::HttpReply>& reply);
  void set_position_headers(base::HttpResponse& response) const;

  Replica& replica_;
  AccessControl& access_;
  std::string cluster_id_;
  WatchStreams watches_;
};

}  // namespace kv
