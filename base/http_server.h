#pragma once
// An HTTP/1.1 server on the event loop: keep-alive, chunked streams for watches, bounds on everything a client sends.
// All callbacks run on the loop's thread; all calls must be made there.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/http.h"

namespace base {

class TlsContexts;

// The answer to one request, given now or later. Exactly one of send() or start() is called; a reply that is dropped
// without either answers 500. Calls after the client, the server or the loop has gone do nothing.
class HttpReply {
 public:
  virtual ~HttpReply() = default;

  // The whole answer. Content-Length is added.
  virtual void send(HttpResponse response) = 0;

  // Head of a stream (chunked), flushed at once; response.body must be empty. Then write() any number of times and
  // finish() once.
  virtual void start(HttpResponse head) = 0;
  virtual void write(std::string data) = 0;
  virtual void finish() = 0;

  // Bytes written but not yet taken by the client: a producer drops a reader that falls too far behind.
  virtual std::size_t pending_bytes() const = 0;

  // Called once when the client has taken all that was written so far; never when the connection closes before.
  // REQUIRES: pending_bytes() > 0.
  virtual void on_drained(std::function<void()> callback) = 0;

  // Called once when the client closes the connection before finish() or send().
  virtual void on_close(std::function<void()> callback) = 0;
};

struct HttpServerOptions {
  std::size_t max_header_bytes = 64 * 1024;      // more: 431
  std::size_t max_body_bytes = 2 * 1024 * 1024;  // more: 413
  std::size_t max_connections = 20000;           // more: closed at accept
  // For a whole request to arrive, between requests, and for a client to take some of what waits for it.
  std::chrono::milliseconds idle_timeout{300000};
  std::chrono::milliseconds handshake_timeout{10000};  // of TLS
};

class HttpServer {
 public:
  using Handler = std::function<void(HttpRequest, std::shared_ptr<HttpReply>)>;

  // `loop` must outlive the server. A handler that throws base::Error answers 500 with the message.
  HttpServer(EventLoop& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  // Throw Error when the address cannot be bound. Port 0 picks one; the port in use is returned.
  std::uint16_t listen_tcp(const std::string& address, std::uint16_t port);
  // The same over TLS. Who does not shake hands in time, or sends something else than TLS, is closed without an answer.
  std::uint16_t listen_tls(const std::string& address, std::uint16_t port, std::shared_ptr<TlsContexts> tls);
  void listen_unix(const std::string& path, mode_t mode);

  // Stops accepting and closes all connections.
  void close();

  struct State;  // the implementation's

 private:
  std::shared_ptr<State> state_;
};

}  // namespace base
