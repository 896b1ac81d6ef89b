#include "base/http_connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <format>

#include "base/error.h"
#include "base/http_read.h"
#include "base/http_text.h"
#include "base/log.h"

namespace base {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = HttpStream::Socket;

namespace {

constexpr std::chrono::milliseconds kGoodbyeTime{1000};
constexpr std::size_t kWriteBytes = 64 * 1024;

// Knows its connection only while that lives: whoever keeps a reply may keep it longer than server and loop.
class Reply : public HttpReply {
 public:
  explicit Reply(const std::shared_ptr<HttpConnection>& connection) : connection_(connection) {}
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

  std::weak_ptr<HttpConnection> connection_;
  bool answered_ = false;
  bool streaming_ = false;
};

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpServer::State> server, Socket socket, std::string peer,
                               std::shared_ptr<TlsContexts> tls)
    : server_(std::move(server)), stream_(std::move(socket)), peer_(std::move(peer)), tls_(std::move(tls)) {}

void HttpConnection::close() {
  error_code ignored;
  stream_.socket().shutdown(Socket::shutdown_both, ignored);
  stream_.socket().close(ignored);
  deadline_ = HttpClock::time_point::max();
  go_on();
  output_.clear();
  // What is let go here may hold the last reply, which closes again.
  const auto forgotten = std::exchange(on_drained, nullptr);
  if (auto callback = std::exchange(on_close_, nullptr)) callback();
}

// What the socket takes at once needs no asynchronous operation: nearly every answer does.
void HttpConnection::send_now(std::string& data) {
  if (writing_ || !output_.empty()) return;
  data.erase(0, stream_.send_now(data));
}

void HttpConnection::queue(std::string data) {
  if (!is_open()) return;
  send_now(data);
  if (data.empty()) return;
  pending_ += data.size();
  output_.push_back(std::move(data));
  if (!writing_) write_next();
}

void HttpConnection::write_next() {
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

void HttpConnection::written(const error_code& error, std::size_t size) {
  writing_ = false;
  pending_ -= std::min(pending_, size);
  if (error) return close();
  if (!output_.empty()) return write_next();
  if (!reading_) deadline_ = HttpClock::time_point::max();
  if (auto callback = std::exchange(on_drained, nullptr)) callback();
  if (answer_ended_ && !writing_) go_on();
}

void HttpConnection::end_of_answer() {
  answer_ended_ = true;
  const auto forgotten = std::pair(std::exchange(on_close_, nullptr), std::exchange(on_drained, nullptr));
  if (!writing_) go_on();
}

// Wakes serve(). Not from within: who ends an answer has the connection in its hands still.
void HttpConnection::go_on() {
  if (answered_) asio::post(stream_.get_executor(), std::exchange(answered_, nullptr));
}

void HttpConnection::watch_for_close(std::function<void()> callback) {
  if (answer_ended_) return;
  if (std::exchange(on_close_, std::move(callback)) != nullptr) return;
  // There may be ten thousand who wait: they hold no buffer.
  if (buffer_.size() == 0) buffer_.shrink_to_fit();
  stream_.watch_end(buffer_, [self = shared_from_this()] {
    if (!self->answer_ended_) self->close();
  });
}

// The server's sweep looks at it: a timer for each request would cost more than many a request does.
void HttpConnection::close_after(std::chrono::milliseconds time) {
  deadline_ = HttpClock::now() + time;
}

void HttpConnection::refuse(int status, std::string_view reason) {
  keep_alive = false;
  queue(http_head_text(
            {status, {}, ""},
            std::format("Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n", reason.size() + 1)) +
        std::string(reason) + "\n");
  answer_ended_ = true;
}

asio::awaitable<bool> HttpConnection::read_request() {
  namespace http = boost::beast::http;
  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(server_->options.max_header_bytes));
  parser.body_limit(server_->options.max_body_bytes);
  reading_ = true;
  close_after(server_->options.idle_timeout);
  if (stream_.reading_ahead()) co_await stream_.end_of_watch();
  parser.eager(true);
  error_code error;
  bool told_to_go_on = false;
  while (!take_request(buffer_, parser, error)) {
    if (waits_for_word(parser) && !std::exchange(told_to_go_on, true)) queue("HTTP/1.1 100 Continue\r\n\r\n");
    const std::size_t count = co_await stream_.async_read_some(buffer_.prepare(bytes_to_read(parser)),
                                                               asio::redirect_error(asio::use_awaitable, error));
    buffer_.commit(count);
    if (error == asio::error::eof) error = end_of_requests(parser);
    if (error) break;
  }
  reading_ = false;
  deadline_ = HttpClock::time_point::max();
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

asio::awaitable<void> HttpConnection::serve() {
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
      auto wait = [this](auto handler) { answered_ = std::move(handler); };
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(wait, asio::use_awaitable);
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

}  // namespace base
