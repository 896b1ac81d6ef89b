#pragma once
// The byte stream of one client of HttpServer: a socket, or TLS on it. For http_server.cc alone, since it brings Asio.
// On the loop's thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/tls.h"

namespace base {

class HttpStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;

  explicit HttpStream(Socket socket) : socket_(std::move(socket)) {}

  Socket& socket() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }
  bool encrypted() const { return tls_.has_value(); }
  // Common name of the client's verified certificate, or "".
  const std::string& certificate_name() const { return certificate_name_; }

  // The server's side of the handshake: "" when all is well, else why not; then the caller closes the socket. What is
  // no TLS gets no byte as an answer.
  boost::asio::awaitable<std::string> shake_hands(TlsContexts& tls);
  // Tells the client that the end is meant, and waits for its word. Nothing without TLS.
  boost::asio::awaitable<void> say_goodbye();

  // What Asio and Beast need of a stream.
  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
    socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
    socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

 private:
  Socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;  // the one it began with
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  std::string certificate_name_;
};

}  // namespace base
