#include "base/http_stream.h"

#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"

namespace base {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr unsigned char kTlsHandshakeRecord = 22;  // RFC 8446, 5.1: ContentType

}  // namespace

asio::awaitable<std::string> HttpStream::shake_hands(TlsContexts& tls) {
  error_code error;
  co_await socket_.async_wait(Socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return "nothing came in time";
  unsigned char first = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count != 1) co_return "the client went before the handshake";
  if (first != kTlsHandshakeRecord) co_return "the first record does not look like a TLS handshake";
  try {
    context_ = tls.server();
  } catch (const Error& no_context) {
    co_return no_context.what();
  }
  tls_.emplace(socket_, *context_);
  co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return "TLS handshake: " + error.message();
  certificate_name_ = tls_peer(tls_->native_handle()).common_name;
  co_return tls.refusal(tls_->native_handle());
}

asio::awaitable<void> HttpStream::say_goodbye() {
  if (!tls_) co_return;
  error_code ignored;
  co_await tls_->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace base
