#pragma once
// Everything on the client port: routes a request to the keys, the members, the statistics, or says as Go's net/http
// does that there is nothing (404), that the method does not fit (405) or that the path is not clean (301).

#include <chrono>
#include <memory>
#include <string>

#include "base/http_server.h"
#include "kv/members.h"
#include "kv/replica.h"
#include "kv/v2_keys.h"

namespace kv {

class HttpApi {
 public:
  // `replica` must outlive it and the server.
  HttpApi(Replica& replica, std::uint64_t cluster_id, std::string name);

  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;
  struct Route;

  void route(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply);
  void machines(base::HttpReply& reply) const;
  void members(const std::string& path, base::HttpReply& reply) const;
  void store_stats(base::HttpReply& reply) const;
  void self_stats(base::HttpReply& reply) const;
  void leader_stats(base::HttpReply& reply) const;
  void health(const ReplyPtr& reply);
  void metrics(base::HttpReply& reply) const;

  Replica& replica_;
  std::string cluster_id_;
  std::string name_;
  V2Keys keys_;
  base::Clock::WallTime start_wall_;
  base::Clock::Time start_;
};

}  // namespace kv
