#pragma once
// Messages between members over HTTP, as in etcd's rafthttp: each member asks every other one for an endless answer
// (GET /raft/stream) and gets the messages that are meant for it there, in order. A newer stream of a member ends its
// older one, so nothing old comes late. Beside it the peer port answers /members and /version, for members that join.
//
// The loop's thread, but for the readers: each has a thread of its own, since the client blocks, and posts what it
// reads.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "kv/members.h"
#include "kv/peer_message.h"
#include "kv/peer_stats.h"

namespace kv {

struct PeerTransportOptions {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  base::HttpClientOptions client = {};         // TLS towards the others
  std::size_t max_waiting = 64 * 1024 * 1024;  // bytes for a member that does not read: then its stream is cut
};

class PeerTransport {
 public:
  struct Callbacks {
    std::function<void(std::uint64_t from, PeerMessage message)> receive;
    std::function<void(std::uint64_t member)> disconnected;
    std::function<void(std::uint64_t member)> unreachable;  // none of its URLs has a listener
    std::function<bool(std::uint64_t member)> removed;      // for good: it is told so
    std::function<std::vector<Member>()> members;           // for those who join
    std::function<void()> removed_ourselves;                // another member says that we were removed
  };

  // `loop` and `stats` must outlive it.
  PeerTransport(base::EventLoop& loop, PeerStats& stats, PeerTransportOptions options, Callbacks callbacks);
  ~PeerTransport();

  // Whom to listen to. Those that are not in the list any more are forgotten.
  void set_peers(const std::vector<Member>& members);

  // False when the member has no stream here: the message is dropped.
  bool send(std::uint64_t member, const std::string& message);

  // A request on the peer port.
  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);

  void close();

 private:
  class Reader;
  struct Stream {
    std::shared_ptr<base::HttpReply> reply;
    std::string waiting = {};  // frames of this turn of the loop
    bool flush_posted = false;
  };

  void begin_stream(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);
  void flush(std::uint64_t member);
  void keep_alive();

  base::EventLoop& loop_;
  PeerStats& stats_;
  PeerTransportOptions options_;
  Callbacks callbacks_;
  std::map<std::uint64_t, Stream> streams_;
  std::map<std::uint64_t, std::unique_ptr<Reader>> readers_;
  std::shared_ptr<base::EventLoop::Timer> keep_alive_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted
};

}  // namespace kv
