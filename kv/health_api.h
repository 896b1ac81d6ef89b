#pragma once
// Is this member well? /health as etcd 3.4 answers it, /livez and /readyz as 3.4.29 and later do; and /version and
// /config/local/log, which ask nothing of the store.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "kv/replica.h"

namespace kv {

struct HealthCounters {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
};

class HealthApi {
 public:
  // A fresh read that takes longer is a failure.
  static constexpr std::chrono::milliseconds kTimeout{1000};

  // Both must outlive it and the server.
  HealthApi(Replica& replica, base::EventLoop& loop) : replica_(replica), loop_(loop) {}

  // False when `path` (decoded, clean) is none of these.
  bool handle(const base::HttpRequest& request, const std::string& path, const std::shared_ptr<base::HttpReply>& reply);

  const HealthCounters& counters() const { return counters_; }

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;

  void health(const base::HttpRequest& request, const ReplyPtr& reply);
  void probe(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply);
  // Calls back with "" or why no fresh read is possible.
  void read_fresh(std::function<void(const std::string&)> done);
  std::string read_here() const;

  Replica& replica_;
  base::EventLoop& loop_;
  HealthCounters counters_;
};

}  // namespace kv
