#pragma once
// An HTTP server for tests, on a loop and a thread of its own: the test's thread may wait for its answers. The handler
// runs there.

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "base/temp_dir.h"
#include "base/tls.h"
#include "base/url.h"

namespace base {

class TestServer {
 public:
  // On loopback, over TLS when there are contexts, and on a unix socket.
  explicit TestServer(HttpServer::Handler handler, HttpServerOptions options = {},
                      const std::shared_ptr<TlsContexts>& tls = nullptr)
      : server_(loop_, options, std::move(handler)) {
    const std::uint16_t port = tls ? server_.listen_tls("127.0.0.1", 0, tls) : server_.listen_tcp("127.0.0.1", 0);
    url_ = parse_url((tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port));
    server_.listen_unix(socket_path(), 0600);
    thread_ = std::thread([this] { loop_.run(); });
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    loop_.post([this] {
      server_.close();
      loop_.stop();
    });
    thread_.join();
  }

  const Url& url() const { return url_; }
  std::string socket_path() const { return directory_.path() + "/socket"; }
  EventLoop& loop() { return loop_; }

 private:
  TempDir directory_;
  EventLoop loop_;
  HttpServer server_;
  Url url_;
  std::thread thread_;
};

}  // namespace base
