#pragma once
// The sockets of a DNS server on the event loop: UDP, and TCP with pipelining (RFC 7766). Everything a client can make
// us hold is bounded.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "discovery/responder.h"

namespace discovery {

struct ServerOptions {
  std::size_t max_tcp_connections = 256;              // more are closed at once
  std::chrono::milliseconds tcp_idle_timeout{10000};  // between messages, and for one to arrive or to be taken
  unsigned max_udp_batch = 64;                        // datagrams answered before others of the loop get their turn
};

class Server {
 public:
  // Called on the loop's thread for every message.
  using Handler = std::function<std::optional<std::string>(std::string_view message, Transport transport)>;

  // `loop` must outlive the server.
  Server(base::EventLoop& loop, ServerOptions options, Handler handler);
  ~Server();

  // Opens UDP and TCP on "address:port" ("[::1]:53" for IPv6). Throws base::UsageError when it is no such thing,
  // base::Error when it cannot be had.
  void listen(const std::string& address);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace discovery
