#pragma once
// The byte stream of one client of HttpServer: a socket, or TLS on it. For http_server.cc alone, since it brings Asio.
// On the loop's thread.

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/tls.h"
#include "base/tls_stream.h"

namespace base {

class HttpStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;

  explicit HttpStream(Socket socket) : socket_(std::move(socket)), ahead_(socket_.get_executor()) {}

  Socket& socket() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }
  bool encrypted() const { return tls_.has_value(); }
  // Common name of the client's verified certificate, or "".
  const std::string& certificate_name() const { return certificate_name_; }

  // The server's side of the handshake. False: not TLS (which gets no byte as an answer), or not to be let in; the log
  // says why, in one line a second at most, as anybody can cause it. Then the caller closes the socket.
  boost::asio::awaitable<bool> shake_hands(TlsContexts& tls, const std::string& peer);
  // Tells the client that the end is meant, and waits for its word. Nothing without TLS, and while reading ahead.
  boost::asio::awaitable<void> say_goodbye();

  // Calls `ended` when the client goes while its answer is pending. Under TLS only reading tells bytes from an end, so
  // there the watch reads ahead into `buffer`, which the next request is read from after end_of_watch().
  void watch_end(boost::beast::flat_buffer& buffer, std::function<void()> ended);
  bool reading_ahead() const { return reading_ahead_; }
  boost::asio::awaitable<void> end_of_watch();

  // Sends what the connection takes at once, without waiting; the number of bytes. What is left over must be what is
  // written next.
  std::size_t send_now(std::string_view data);

  // What Asio and Beast need of a stream.
  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          if (tls_) return tls_->async_read_some(into, std::move(handler));
          socket_.async_read_some(into, std::move(handler));
        },
        token, buffers);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_) return tls_->async_write_some(from, std::move(handler));
          socket_.async_write_some(from, std::move(handler));
        },
        token, buffers);
  }

 private:
  boost::asio::awaitable<std::string> try_handshake(TlsContexts& tls);
  void read_ahead(boost::beast::flat_buffer& buffer, std::function<void()> ended);

  Socket socket_;
  std::optional<TlsStream> tls_;
  std::string certificate_name_;
  boost::asio::steady_timer ahead_;  // cancelled when reading ahead ends
  bool reading_ahead_ = false;
};

}  // namespace base
