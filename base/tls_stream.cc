// OpenSSL's own socket BIO writes with write(2), and a client that has gone would end the process by SIGPIPE. So there
// is one of ours, with send(2) and MSG_NOSIGNAL.
#include "base/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/error.h"

namespace base {

namespace asio = boost::asio;

namespace {

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool try_again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && try_again()) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (count < 0 && try_again()) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
  }();
  return kMethod;
}

}  // namespace

TlsStream::TlsStream(Socket& socket, std::shared_ptr<asio::ssl::context> context)
    : socket_(socket), context_(std::move(context)), ssl_(SSL_new(context_->native_handle())) {
  BIO* bio = BIO_new(socket_method());
  if (!ssl_ || bio == nullptr) {
    BIO_free(bio);
    throw Error("start TLS", "", "out of memory");
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket.native_handle())));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_set_accept_state(ssl_.get());
}

TlsStream::Step TlsStream::step_of(int result) {
  if (result == 1) return {};
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::Kind::kWantRead, {}};
    case SSL_ERROR_WANT_WRITE:
      return {Step::Kind::kWantWrite, {}};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::Kind::kFailed, asio::error::eof};
    case SSL_ERROR_SYSCALL:
      return {Step::Kind::kFailed, system_error != 0 ? ErrorCode(system_error, boost::system::system_category())
                                                     : ErrorCode(asio::ssl::error::stream_truncated)};
    default:
      break;
  }
  const unsigned long code = ERR_get_error();
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return {Step::Kind::kFailed, asio::ssl::error::stream_truncated};
  }
  return {Step::Kind::kFailed, ErrorCode(static_cast<int>(code), asio::error::get_ssl_category())};
}

std::size_t TlsStream::send_now(std::string_view data) {
  std::size_t sent = 0;
  while (sent < data.size()) {
    std::size_t count = 0;
    const Step step = try_call(
        [&](SSL* ssl, std::size_t& n) { return SSL_write_ex(ssl, data.data() + sent, data.size() - sent, &n); }, count);
    if (step.kind != Step::Kind::kDone) break;
    sent += count;
  }
  return sent;
}

asio::awaitable<TlsStream::ErrorCode> TlsStream::run(int (*call)(SSL*)) {
  while (true) {
    std::size_t unused = 0;
    const Step step = try_call([call](SSL* ssl, std::size_t&) { return call(ssl); }, unused);
    if (!waits(step)) co_return step.error;
    const auto event = step.kind == Step::Kind::kWantRead ? Socket::wait_read : Socket::wait_write;
    ErrorCode error;
    co_await socket_.async_wait(event, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return error;
  }
}

asio::awaitable<TlsStream::ErrorCode> TlsStream::shake_hands() {
  co_return co_await run(SSL_do_handshake);
}

// The first call sends our word and returns 0, the second one waits for theirs.
asio::awaitable<void> TlsStream::say_goodbye() {
  co_await run([](SSL* ssl) {
    const int result = SSL_shutdown(ssl);
    return result == 0 ? SSL_shutdown(ssl) : result;
  });
}

}  // namespace base
