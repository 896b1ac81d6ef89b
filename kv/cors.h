#pragma once
// Cross-origin requests, as etcd answers them (embed/serve.go): web pages of these origins may read and write the
// store, and every OPTIONS request gets an empty 200.

#include <memory>
#include <string>
#include <vector>

#include "base/http_server.h"

namespace kv {

class Cors {
 public:
  // "*": every page. An empty list is the same, as in etcd.
  explicit Cors(std::vector<std::string> origins);

  // The reply that adds the headers to what it sends; `reply` itself when the request's origin is not allowed.
  std::shared_ptr<base::HttpReply> wrap(const base::HttpRequest& request,
                                        const std::shared_ptr<base::HttpReply>& reply) const;

 private:
  std::vector<std::string> origins_;
  bool all_;
};

}  // namespace kv
