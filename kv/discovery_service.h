#pragma once
// The discovery service (etcd's discovery protocol; coreos/discovery.etcd.io http/http.go): new clusters find their
// members under a token. It is a short way to the keys below /_etcd/registry, and so bound by the rights on them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/http_server.h"
#include "base/random.h"
#include "kv/access.h"
#include "kv/replica.h"
#include "kv/v2_keys.h"

namespace kv {

class DiscoveryService {
 public:
  static constexpr std::size_t kMaxTokens = 10'000;  // /new refuses beyond
  static constexpr std::int64_t kMaxSize = 1'000;    // members of one cluster

  // All but `base_url` must outlive it and the server. `base_url`: what the URLs that /new gives begin with.
  DiscoveryService(Replica& replica, AccessControl& access, V2Keys& keys, base::Random& random, std::string base_url);

  // False when `path` (decoded, clean) is not the service's.
  bool handle(const base::HttpRequest& request, const std::string& path, const std::shared_ptr<base::HttpReply>& reply);

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;

  void new_token(const base::HttpRequest& request, const ReplyPtr& reply);
  bool has_room();

  Replica& replica_;
  AccessControl& access_;
  V2Keys& keys_;
  base::Random& random_;
  std::string base_url_;
  std::optional<std::size_t> tokens_;  // counted when first needed, and again when there seem to be too many
};

// What "/<token>…" is: the methods it takes, or "" when it is no path of the service.
std::string_view discovery_methods(std::string_view path);

}  // namespace kv
