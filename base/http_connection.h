#pragma once
// One client of HttpServer. A coroutine reads its requests one after the other; answers go through an output queue, so
// that a handler can answer later and a stream can be written from anywhere on the loop. Where a handler asks for it
// the socket is watched for its end while the answer is pending, since a long poll must be forgotten when its client
// goes.
//
// For http_server.cc alone, since it brings Asio. On the loop's thread.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_server.h"
#include "base/http_stream.h"

namespace base {

class HttpConnection;
using HttpClock = boost::asio::steady_timer::clock_type;

struct HttpServer::State {
  EventLoop& loop;
  HttpServerOptions options;
  Handler handler;
  std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>> tcp_acceptors = {};
  std::vector<std::shared_ptr<boost::asio::local::stream_protocol::acceptor>> unix_acceptors = {};
  std::set<std::shared_ptr<HttpConnection>> connections = {};
  std::shared_ptr<EventLoop::Timer> sweep = {};  // while there are connections
  bool closed = false;
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpServer::State> server, HttpStream::Socket socket, std::string peer,
                 std::shared_ptr<TlsContexts> tls);

  boost::asio::awaitable<void> serve();
  void close();
  // What the client must have done something by; max(): it need not.
  HttpClock::time_point deadline() const { return deadline_; }

  // The reply's side. `framing` was decided with the head.
  void queue(std::string data);
  void end_of_answer();
  void watch_for_close(std::function<void()> callback);
  bool is_open() { return stream_.socket().is_open(); }
  std::size_t pending_bytes() const { return pending_; }

  bool head_request = false;
  bool keep_alive = true;
  bool chunked_allowed = true;
  std::function<void()> on_drained;

 private:
  boost::asio::awaitable<bool> read_request();
  void close_after(std::chrono::milliseconds time);
  void refuse(int status, std::string_view reason);
  void send_now(std::string& data);
  void write_next();
  void written(const boost::system::error_code& error, std::size_t size);
  void go_on();

  std::shared_ptr<HttpServer::State> server_;
  HttpStream stream_;
  std::string peer_;
  std::shared_ptr<TlsContexts> tls_;
  HttpClock::time_point deadline_ = HttpClock::time_point::max();
  boost::asio::any_completion_handler<void()> answered_;  // serve(), while it waits for the answer's end
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> output_;
  std::size_t pending_ = 0;
  bool writing_ = false;
  bool answer_ended_ = false;
  std::function<void()> on_close_;
  bool reading_ = false;  // a request: the deadline is the request's
  HttpRequest request_;
};

}  // namespace base
