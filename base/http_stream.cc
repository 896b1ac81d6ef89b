#include "base/http_stream.h"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/error.h"
#include "base/log.h"

namespace base {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds kLogInterval{1};
constexpr std::size_t kReadAheadBytes = 512;
constexpr unsigned char kTlsHandshakeRecord = 22;  // RFC 8446, 5.1: ContentType

}  // namespace

asio::awaitable<std::string> HttpStream::try_handshake(TlsContexts& tls) {
  error_code error;
  co_await socket_.async_wait(Socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return "nothing came in time";
  unsigned char first = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count != 1) co_return "the client went before the handshake";
  if (first != kTlsHandshakeRecord) co_return "the first record does not look like a TLS handshake";
  try {
    tls_.emplace(socket_, tls.server());
  } catch (const Error& no_context) {
    co_return no_context.what();
  }
  error = co_await tls_->shake_hands();
  if (error) co_return "TLS handshake: " + error.message();
  certificate_name_ = tls_peer(tls_->native_handle()).common_name;
  co_return tls.refusal(tls_->native_handle());
}

asio::awaitable<bool> HttpStream::shake_hands(TlsContexts& tls, const std::string& peer) {
  static std::atomic<std::chrono::steady_clock::time_point> next_line{};
  const std::string reason = co_await try_handshake(tls);
  if (reason.empty()) co_return true;
  auto due = next_line.load();
  const auto now = std::chrono::steady_clock::now();
  if (now >= due && next_line.compare_exchange_strong(due, now + kLogInterval)) {
    log_warning("rejected connection from {}: {}", peer, reason);
  }
  co_return false;
}

asio::awaitable<void> HttpStream::say_goodbye() {
  if (!tls_ || reading_ahead_) co_return;
  co_await tls_->say_goodbye();
}

std::size_t HttpStream::send_now(std::string_view data) {
  if (tls_) return tls_->send_now(data);
  const ssize_t count = ::send(socket_.native_handle(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void HttpStream::watch_end(boost::beast::flat_buffer& buffer, std::function<void()> ended) {
  if (tls_) return read_ahead(buffer, std::move(ended));
  socket_.async_wait(Socket::wait_read, [this, ended = std::move(ended)](const error_code& error) {
    if (error || !socket_.is_open()) return;
    char byte = 0;
    const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Bytes that wait are a pipelined request, to be read after this answer; zero is the client's end.
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) ended();
  });
}

void HttpStream::read_ahead(boost::beast::flat_buffer& buffer, std::function<void()> ended) {
  if (reading_ahead_) return;
  reading_ahead_ = true;
  tls_->async_read_some(buffer.prepare(kReadAheadBytes),
                        [this, &buffer, ended = std::move(ended)](const error_code& error, std::size_t count) {
                          reading_ahead_ = false;
                          buffer.commit(count);
                          ahead_.cancel();
                          if (error) ended();
                        });
}

asio::awaitable<void> HttpStream::end_of_watch() {
  error_code ignored;
  while (reading_ahead_) {
    ahead_.expires_at(asio::steady_timer::time_point::max());
    co_await ahead_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace base
