#pragma once
// /v2/members: who is in the cluster, and who shall be (etcd's v2http/client.go membersHandler). The store decides
// about changes as it applies them; the replication engine follows what the store says.

#include <functional>
#include <memory>
#include <string>

#include "base/http_server.h"
#include "kv/access.h"
#include "kv/members.h"
#include "kv/replica.h"

namespace kv {

class MembersApi {
 public:
  // All must outlive it and the server. `strict`: refuse changes that could lose the quorum (--strict-reconfig-check).
  MembersApi(Replica& replica, AccessControl& access, std::string cluster_id, bool strict)
      : replica_(replica), access_(access), cluster_id_(std::move(cluster_id)), strict_(strict) {}

  // Which other members this one hears from; without it, all.
  void use_connections(std::function<bool(std::uint64_t)> connected) { connected_ = std::move(connected); }

  // `path`: decoded and clean, begins with "/v2/members".
  void handle(const base::HttpRequest& request, const std::string& path, const std::shared_ptr<base::HttpReply>& reply);

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;

  void show(const std::string& what, base::HttpReply& reply) const;
  void change(const base::HttpRequest& request, const std::string& id_text, const ReplyPtr& reply);
  void add(const base::HttpRequest& request, const ReplyPtr& reply);
  bool would_cost_the_quorum(std::uint64_t id) const;
  void propose(const Command& command, std::uint64_t id, const ReplyPtr& reply);

  base::HttpResponse with_id(base::HttpResponse response) const;

  Replica& replica_;
  AccessControl& access_;
  std::string cluster_id_;
  bool strict_;
  std::function<bool(std::uint64_t)> connected_ = [](std::uint64_t) { return true; };
};

// The peer URLs of the body {"peerURLs":[…]}, or the answer that says what is wrong with it.
std::variant<std::vector<std::string>, base::HttpResponse> read_peer_urls(const base::HttpRequest& request);

}  // namespace kv
