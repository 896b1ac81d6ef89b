// One coroutine reads a connection's requests one after the other; answers go through an output queue, so that a
// handler can answer later and a stream can be written from anywhere on the loop. Where a handler asks for it the
// socket is watched for its end while the answer is pending, since a long poll must be forgotten when its client goes.
#include "base/http_server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <deque>
#include <set>

#include "base/error.h"
#include "base/http_listen.h"
#include "base/http_read.h"
#include "base/http_stream.h"
#include "base/http_text.h"
#include "base/log.h"

namespace base {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Socket = HttpStream::Socket;

namespace {

class Connection;

constexpr std::chrono::milliseconds kGoodbyeTime{1000};
constexpr std::size_t kWriteBytes = 64 * 1024;

}  // namespace

struct HttpServer::State {
  EventLoop& loop;
  HttpServerOptions options;
  Handler handler;
  std::vector<std::shared_ptr<asio::ip::tcp::acceptor>> tcp_acceptors;
  std::vector<std::shared_ptr<asio::local::stream_protocol::acceptor>> unix_acceptors;
  std::set<std::shared_ptr<Connection>> connections;
  bool closed = false;
};

namespace {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<HttpServer::State> server, Socket socket, std::string peer,
             std::shared_ptr<TlsContexts> tls);

  asio::awaitable<void> serve();
  void close();

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
  asio::awaitable<bool> read_request();
  void close_after(std::chrono::milliseconds time);
  void refuse(int status, std::string_view reason);
  void send_now(std::string& data);
  void write_next();
  void written(const error_code& error, std::size_t size);

  std::shared_ptr<HttpServer::State> server_;
  HttpStream stream_;
  std::string peer_;
  std::shared_ptr<TlsContexts> tls_;
  asio::steady_timer deadline_;
  asio::steady_timer answered_;
  beast::flat_buffer buffer_;
  std::deque<std::string> output_;
  std::size_t pending_ = 0;
  bool writing_ = false;
  bool answer_ended_ = false;
  std::function<void()> on_close_;
  bool reading_ = false;  // a request: the deadline is the request's
  HttpRequest request_;
};

// Knows its connection only while that lives: whoever keeps a reply may keep it longer than server and loop.
class Reply : public HttpReply {
 public:
  explicit Reply(const std::shared_ptr<Connection>& connection) : connection_(connection) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() override {
    if (!answered_) {
      send_once({500, {}, "no answer\n"});
    } else if (streaming_) {
      // A stream that nobody finished: the client must see that it was cut.
      if (const auto connection = connection_.lock()) connection->close();
    }
  }

  void send(HttpResponse response) override { send_once(response); }

  void start(HttpResponse head) override {
    const auto connection = connection_.lock();
    if (answered_ || !connection) return;
    answered_ = true;
    streaming_ = true;
    // An HTTP/1.0 client knows no chunks: the end of the connection ends the body.
    if (!connection->chunked_allowed) connection->keep_alive = false;
    connection->queue(
        http_head_text(head, connection->chunked_allowed ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n"));
  }

  void write(std::string data) override {
    const auto connection = connection_.lock();
    if (!streaming_ || !connection || data.empty() || connection->head_request) return;
    connection->queue(connection->chunked_allowed ? http_chunk(data) : std::move(data));
  }

  void finish() override {
    const auto connection = connection_.lock();
    if (!streaming_ || !connection) return;
    streaming_ = false;
    if (connection->chunked_allowed && !connection->head_request) connection->queue("0\r\n\r\n");
    connection->end_of_answer();
  }

  std::size_t pending_bytes() const override {
    const auto connection = connection_.lock();
    return connection ? connection->pending_bytes() : 0;
  }

  void on_drained(std::function<void()> callback) override {
    if (const auto connection = connection_.lock()) connection->on_drained = std::move(callback);
  }

  void on_close(std::function<void()> callback) override {
    if (const auto connection = connection_.lock()) connection->watch_for_close(std::move(callback));
  }

 private:
  void send_once(const HttpResponse& response) {
    const auto connection = connection_.lock();
    if (answered_ || !connection) return;
    answered_ = true;
    const bool bodyless = response.status == 204 || response.status == 304;
    std::string framing = bodyless ? "" : "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    if (!connection->keep_alive) framing += "Connection: close\r\n";
    std::string text = http_head_text(response, framing, response.body.size());
    if (!bodyless && !connection->head_request) text += response.body;
    connection->queue(std::move(text));
    connection->end_of_answer();
  }

  std::weak_ptr<Connection> connection_;
  bool answered_ = false;
  bool streaming_ = false;
};

Connection::Connection(std::shared_ptr<HttpServer::State> server, Socket socket, std::string peer,
                       std::shared_ptr<TlsContexts> tls)
    : server_(std::move(server)),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      tls_(std::move(tls)),
      deadline_(stream_.get_executor()),
      answered_(stream_.get_executor()) {}

void Connection::close() {
  error_code ignored;
  stream_.socket().shutdown(Socket::shutdown_both, ignored);
  stream_.socket().close(ignored);
  deadline_.cancel();
  answered_.cancel();
  output_.clear();
  // What is let go here may hold the last reply, which closes again.
  const auto forgotten = std::exchange(on_drained, nullptr);
  if (auto callback = std::exchange(on_close_, nullptr)) callback();
}

// What the socket takes at once needs no asynchronous operation: nearly every answer does.
void Connection::send_now(std::string& data) {
  if (writing_ || !output_.empty()) return;
  data.erase(0, stream_.send_now(data));
}

void Connection::queue(std::string data) {
  if (!is_open()) return;
  send_now(data);
  if (data.empty()) return;
  pending_ += data.size();
  output_.push_back(std::move(data));
  if (!writing_) write_next();
}

void Connection::write_next() {
  writing_ = true;
  // The piece moves out of the queue: close() may clear the queue under a write that has not ended yet.
  auto piece = std::make_shared<std::string>(std::move(output_.front()));
  output_.pop_front();
  // Asked before each part: the last one was taken.
  auto next_part = [self = shared_from_this()](const error_code& error, std::size_t) -> std::size_t {
    if (error) return 0;
    if (!self->reading_) self->close_after(self->server_->options.idle_timeout);
    return kWriteBytes;
  };
  asio::async_write(stream_, asio::buffer(*piece), next_part,
                    [self = shared_from_this(), piece](const error_code& error, std::size_t) {
                      self->written(error, piece->size());
                    });
}

void Connection::written(const error_code& error, std::size_t size) {
  writing_ = false;
  pending_ -= std::min(pending_, size);
  if (error) return close();
  if (!output_.empty()) return write_next();
  if (!reading_) deadline_.cancel();
  if (auto callback = std::exchange(on_drained, nullptr)) callback();
  if (answer_ended_ && !writing_) answered_.cancel();
}

void Connection::end_of_answer() {
  answer_ended_ = true;
  const auto forgotten = std::pair(std::exchange(on_close_, nullptr), std::exchange(on_drained, nullptr));
  if (!writing_) answered_.cancel();
}

void Connection::watch_for_close(std::function<void()> callback) {
  if (answer_ended_) return;
  if (std::exchange(on_close_, std::move(callback)) != nullptr) return;
  // There may be ten thousand who wait: they hold no buffer.
  if (buffer_.size() == 0) buffer_.shrink_to_fit();
  stream_.watch_end(buffer_, [self = shared_from_this()] {
    if (!self->answer_ended_) self->close();
  });
}

void Connection::close_after(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](const error_code& error) {
    // A deadline that was moved at the last moment is none.
    if (!error && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
  });
}

void Connection::refuse(int status, std::string_view reason) {
  keep_alive = false;
  queue(http_head_text(
            {status, {}, ""},
            std::format("Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n", reason.size() + 1)) +
        std::string(reason) + "\n");
  answer_ended_ = true;
}

asio::awaitable<bool> Connection::read_request() {
  namespace http = beast::http;
  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(server_->options.max_header_bytes));
  parser.body_limit(server_->options.max_body_bytes);
  reading_ = true;
  close_after(server_->options.idle_timeout);
  co_await stream_.end_of_watch();
  error_code error;
  co_await read_request_message(stream_, buffer_, parser, error, [this] { queue("HTTP/1.1 100 Continue\r\n\r\n"); });
  reading_ = false;
  deadline_.cancel();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    refuse(431, std::format("request header is larger than {} bytes", server_->options.max_header_bytes));
  } else if (error == http::error::body_limit) {
    refuse(413, std::format("request body is larger than {} bytes", server_->options.max_body_bytes));
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    refuse(400, "400 Bad Request: " + error.message());
  }
  if (error) co_return false;
  head_request = parser.get().method() == http::verb::head;
  keep_alive = parser.get().keep_alive();
  chunked_allowed = parser.get().version() >= 11;
  request_ = to_request(parser.get(), peer_);
  request_.encrypted = stream_.encrypted();
  request_.certificate_name = stream_.certificate_name();
  co_return true;
}

asio::awaitable<void> Connection::serve() {
  const auto self = shared_from_this();
  bool ready = true;
  if (tls_) {
    close_after(server_->options.handshake_timeout);
    ready = co_await stream_.shake_hands(*tls_, peer_);
  }
  while (ready && is_open()) {
    answer_ended_ = false;
    const bool got_request = co_await read_request();
    if (got_request) {
      auto reply = std::make_shared<Reply>(self);
      try {
        server_->handler(std::move(request_), reply);
      } catch (const std::exception& error) {
        log_error("http: {}", error.what());
        reply->send({500, {}, std::string(error.what()) + "\n"});
      }
      reply.reset();
    }
    while (is_open() && (writing_ || (got_request && !answer_ended_))) {
      answered_.expires_at(asio::steady_timer::time_point::max());
      error_code ignored;
      co_await answered_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (!got_request || !keep_alive) break;
  }
  if (ready && stream_.encrypted() && is_open()) {
    close_after(kGoodbyeTime);
    co_await stream_.say_goodbye();
  }
  close();
  server_->connections.erase(self);
}

template <typename Protocol>
asio::awaitable<void> accept_loop(std::shared_ptr<HttpServer::State> server,
                                  std::shared_ptr<typename Protocol::acceptor> acceptor,
                                  std::shared_ptr<TlsContexts> tls) {
  while (!server->closed) {
    typename Protocol::socket socket(server->loop.context());
    error_code error;
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (server->closed) co_return;
    if (error) {
      // Out of descriptors, most likely: the connection waits in the backlog meanwhile.
      asio::steady_timer pause(server->loop.context(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (server->connections.size() >= server->options.max_connections) continue;
    std::string peer = "unix";
    if constexpr (std::is_same_v<Protocol, asio::ip::tcp>) {
      const auto endpoint = socket.remote_endpoint(error);
      if (error) continue;
      peer = std::format("{}:{}", endpoint.address().to_string(), endpoint.port());
      socket.set_option(asio::ip::tcp::no_delay(true), error);
    }
    auto connection = std::make_shared<Connection>(server, Socket(std::move(socket)), std::move(peer), tls);
    server->connections.insert(connection);
    asio::co_spawn(server->loop.context(), connection->serve(), asio::detached);
  }
}

}  // namespace

HttpServer::HttpServer(EventLoop& loop, HttpServerOptions options, Handler handler)
    : state_(std::make_shared<State>(State{loop, options, std::move(handler), {}, {}, {}, false})) {}

HttpServer::~HttpServer() {
  close();
}

std::uint16_t HttpServer::listen_tcp(const std::string& address, std::uint16_t port) {
  return listen_tls(address, port, nullptr);
}

std::uint16_t HttpServer::listen_tls(const std::string& address, std::uint16_t port, std::shared_ptr<TlsContexts> tls) {
  const auto acceptor = open_tcp_acceptor(state_->loop.context(), address, port);
  state_->tcp_acceptors.push_back(acceptor);
  asio::co_spawn(state_->loop.context(), accept_loop<asio::ip::tcp>(state_, acceptor, std::move(tls)), asio::detached);
  return acceptor->local_endpoint().port();
}

void HttpServer::listen_unix(const std::string& path, mode_t mode) {
  const auto acceptor = open_unix_acceptor(state_->loop.context(), path, mode);
  state_->unix_acceptors.push_back(acceptor);
  asio::co_spawn(state_->loop.context(), accept_loop<asio::local::stream_protocol>(state_, acceptor, nullptr),
                 asio::detached);
}

void HttpServer::close() {
  if (std::exchange(state_->closed, true)) return;
  error_code ignored;
  for (const auto& acceptor : state_->tcp_acceptors) acceptor->close(ignored);
  for (const auto& acceptor : state_->unix_acceptors) acceptor->close(ignored);
  const auto connections = std::exchange(state_->connections, {});
  for (const auto& connection : connections) connection->close();
}

}  // namespace base
