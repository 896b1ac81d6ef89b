#pragma once
// TLS on a connected socket, for Asio and Beast. OpenSSL reads and writes the socket itself and gives its record
// buffers back when they are empty, so an idle connection costs a third of asio::ssl::stream, which keeps four buffers
// of 17 KB. For .cc files, since it brings Asio. All calls on the thread of the socket's executor; one read and one
// write may be under way at a time.

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string_view>

namespace base {

class TlsStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;
  using ErrorCode = boost::system::error_code;

  // The server's side. `socket` must outlive it; `context` is kept. Throws Error.
  TlsStream(Socket& socket, std::shared_ptr<boost::asio::ssl::context> context);

  executor_type get_executor() { return socket_.get_executor(); }
  SSL* native_handle() { return ssl_.get(); }

  boost::asio::awaitable<ErrorCode> shake_hands();
  // Tells the other side that the end is meant, and waits for its word.
  boost::asio::awaitable<void> say_goodbye();

  // Writes what the socket takes at once; the number of bytes. What is left over must be what is written next: OpenSSL
  // may have begun a record with it. Errors show there.
  std::size_t send_now(std::string_view data);

  // AsyncReadStream and AsyncWriteStream, of handlers alone. A read ends with asio::error::eof when the end was meant,
  // and with another error when the connection was cut.
  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    const auto buffer = first_of<boost::asio::mutable_buffer>(buffers);
    start([buffer](SSL* ssl, std::size_t& count) { return SSL_read_ex(ssl, buffer.data(), buffer.size(), &count); },
          buffer.size() == 0, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    const auto buffer = first_of<boost::asio::const_buffer>(buffers);
    start([buffer](SSL* ssl, std::size_t& count) { return SSL_write_ex(ssl, buffer.data(), buffer.size(), &count); },
          buffer.size() == 0, std::forward<Handler>(handler));
  }

 private:
  struct Deleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  // What OpenSSL said to one call.
  struct Step {
    enum class Kind { kDone, kWantRead, kWantWrite, kFailed } kind = Kind::kDone;
    ErrorCode error = {};
  };
  Step step_of(int result);
  boost::asio::awaitable<ErrorCode> run(int (*call)(SSL*));

  template <typename Buffer, typename Buffers>
  static Buffer first_of(const Buffers& buffers) {
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers); ++at) {
      const Buffer buffer(*at);
      if (buffer.size() > 0) return buffer;
    }
    return {};
  }

  // A handler is never called inside of the function that starts its operation.
  template <typename Call, typename Handler>
  void start(Call call, bool nothing_to_do, Handler&& handler) {
    std::size_t count = 0;
    const Step step = nothing_to_do ? Step{} : try_call(call, count);
    if (waits(step)) return wait(step, std::move(call), std::forward<Handler>(handler));
    auto executor = boost::asio::get_associated_executor(handler, socket_.get_executor());
    boost::asio::post(executor, [handler = std::forward<Handler>(handler), error = step.error, count]() mutable {
      handler(error, count);
    });
  }

  template <typename Call>
  Step try_call(const Call& call, std::size_t& count) {
    if (!socket_.is_open()) return {Step::Kind::kFailed, boost::asio::error::operation_aborted};
    ERR_clear_error();
    return step_of(call(ssl_.get(), count));
  }

  static bool waits(const Step& step) {
    return step.kind == Step::Kind::kWantRead || step.kind == Step::Kind::kWantWrite;
  }

  template <typename Call, typename Handler>
  void wait(const Step& step, Call call, Handler&& handler) {
    const auto event = step.kind == Step::Kind::kWantRead ? Socket::wait_read : Socket::wait_write;
    socket_.async_wait(event, [this, call = std::move(call),
                               handler = std::forward<Handler>(handler)](const ErrorCode& error) mutable {
      std::size_t count = 0;
      const Step next = error ? Step{Step::Kind::kFailed, error} : try_call(call, count);
      if (waits(next)) return wait(next, std::move(call), std::move(handler));
      auto executor = boost::asio::get_associated_executor(handler, socket_.get_executor());
      boost::asio::dispatch(
          executor, [handler = std::move(handler), result = next.error, count]() mutable { handler(result, count); });
    });
  }

  Socket& socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::unique_ptr<SSL, Deleter> ssl_;
};

}  // namespace base
