// Each step (connect, handshake, write, read) is one asynchronous operation on a private io_context that is run until
// the step ends or its time is up: that is how a blocking call gets a deadline and can be cancelled from another
// thread.
#include "base/http_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "base/resolver.h"
#include "base/tls.h"
#include "base/version.h"

namespace base {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;
using Socket = asio::generic::stream_protocol::socket;

namespace {

constexpr milliseconds kForever{0};
constexpr std::size_t kMaxHeaderBytes = 256 * 1024;

struct Connection {
  explicit Connection(asio::io_context& context) : socket(context) {}
  Socket socket;
  std::shared_ptr<asio::ssl::context> tls_context;  // the one it began with
  std::optional<asio::ssl::stream<Socket&>> tls;
  beast::flat_buffer buffer;
  std::string origin;
  bool reused = false;
};

std::string request_text(const Url& url, const HttpRequest& request) {
  std::string text = std::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.has("Host")) {
    const bool standard = (url.scheme == "https" && url.port == 443) || (url.scheme == "http" && url.port == 80);
    const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
    text += standard ? std::format("Host: {}\r\n", host) : std::format("Host: {}:{}\r\n", host, url.port);
  }
  if (!request.headers.has("User-Agent")) text += std::format("User-Agent: clusteros/{}\r\n", version());
  if (!url.user_info.empty() && !request.headers.has("Authorization")) {
    text += std::format("Authorization: Basic {}\r\n", base64_encode(url.user_info));
  }
  for (const auto& [name, value] : request.headers.all()) text += std::format("{}: {}\r\n", name, value);
  if (!request.body.empty() || request.method == "PUT" || request.method == "POST") {
    text += std::format("Content-Length: {}\r\n", request.body.size());
  }
  return text + "\r\n" + request.body;
}

// A server closes a kept connection when it likes. Bytes that wait before a request was sent are its end too (a TLS
// alert), or nothing that we could understand.
bool still_open(Socket& socket) {
  if (!socket.is_open()) return false;
  char byte = 0;
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

// The request line and the fields are ours to write: nothing in them may end a line.
void check_request(const HttpRequest& request) {
  const auto has_control = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  };
  bool bad = has_control(request.method) || has_control(request.target) || request.target.empty() ||
             request.target.find(' ') != std::string::npos;
  for (const auto& [name, value] : request.headers.all()) bad = bad || has_control(name) || has_control(value);
  if (bad) throw Error("request", "", "blanks or control characters in the request line or a header");
}

}  // namespace

struct HttpClient::State {
  HttpClientOptions options;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  std::shared_ptr<asio::ssl::context> tls_context;
  std::unique_ptr<Connection> connection;
  std::atomic<bool> cancelled{false};

  // Runs `begin(callback)` to its end. Throws on the time limit and on cancel(); other errors are returned.
  template <typename Begin>
  error_code step(milliseconds limit, const std::string& what, const Begin& begin);

  void connect(const Url& url);
  void connect_socket(const Url& url);
  void start_tls(const Url& url);
  std::shared_ptr<asio::ssl::context> tls();
  bool exchange(const Url& url, const HttpRequest& request, milliseconds io_timeout,
                const std::function<bool(const HttpResponse&)>& on_head,
                const std::function<bool(std::string_view)>& on_data);
  template <typename Stream>
  bool exchange_on(Stream& stream, const Url& url, const HttpRequest& request, milliseconds io_timeout,
                   const std::function<bool(const HttpResponse&)>& on_head,
                   const std::function<bool(std::string_view)>& on_data);
};

template <typename Begin>
error_code HttpClient::State::step(milliseconds limit, const std::string& what, const Begin& begin) {
  if (cancelled) throw Error("request", what, "cancelled");
  bool done = false;
  error_code result;
  begin([&](const error_code& error, auto&&...) {
    result = error;
    done = true;
  });
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool late = false;
  while (!done) {  // NOLINT(bugprone-infinite-loop): the callback sets it, inside of run_one()
    if (limit == kForever || late) {
      context.run_one();
    } else if (context.run_one_until(deadline) == 0) {
      late = true;
      error_code ignored;
      connection->socket.close(ignored);  // the operation ends with operation_aborted
    }
  }
  if (cancelled) throw Error("request", what, "cancelled");
  if (late) throw Error("request", what, std::format("no answer within {} ms", limit.count()));
  return result;
}

std::shared_ptr<asio::ssl::context> HttpClient::State::tls() {
  if (options.tls) return options.tls->client();
  if (tls_context) return tls_context;
  tls_context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls_context->native_handle(), TLS1_2_VERSION);
  error_code error;
  const std::string ca = options.ca_file.empty() ? "/etc/ssl/certs/ca-certificates.crt" : options.ca_file;
  if (!options.insecure_skip_verify) {
    tls_context->load_verify_file(ca, error);
    if (error) throw Error("load certificates from", ca, error.message());
    tls_context->set_verify_mode(asio::ssl::verify_peer);
  }
  if (!options.certificate_file.empty()) {
    tls_context->use_certificate_chain_file(options.certificate_file, error);
    if (error) throw Error("load certificate", options.certificate_file, error.message());
    tls_context->use_private_key_file(options.key_file, asio::ssl::context::pem, error);
    if (error) throw Error("load key", options.key_file, error.message());
  }
  return tls_context;
}

void HttpClient::State::connect_socket(const Url& url) {
  auto& socket = connection->socket;
  if (url.scheme == "unix") {
    const error_code error = step(options.connect_timeout, url.path, [&](auto callback) {
      socket.async_connect(asio::local::stream_protocol::endpoint(url.path), std::move(callback));
    });
    if (error) throw Error("connect to", url.path, error.value());
    return;
  }
  error_code last;
  for (const auto& address : resolve(url.host, options.connect_timeout)) {
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address), url.port);
    error_code ignored;
    socket.close(ignored);
    last = step(options.connect_timeout, url.origin(),
                [&](auto callback) { socket.async_connect(endpoint, std::move(callback)); });
    if (!last) {
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      return;
    }
  }
  throw Error("connect to", url.origin(), last.value());
}

void HttpClient::State::start_tls(const Url& url) {
  connection->tls_context = tls();
  auto& stream = connection->tls.emplace(connection->socket, *connection->tls_context);
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  const bool skip_verify = options.tls ? options.tls->files().insecure_skip_verify : options.insecure_skip_verify;
  if (!skip_verify) stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  const error_code error = step(options.connect_timeout, url.origin(), [&](auto callback) {
    stream.async_handshake(asio::ssl::stream_base::client, std::move(callback));
  });
  if (error) throw Error("TLS handshake with", url.origin(), error.message());
}

void HttpClient::State::connect(const Url& url) {
  const std::string origin = url.scheme == "unix" ? url.path : url.origin();
  if (connection && connection->origin == origin && still_open(connection->socket)) {
    connection->reused = true;
    return;
  }
  connection = std::make_unique<Connection>(context);
  connection->origin = origin;
  connect_socket(url);
  if (url.scheme == "https") start_tls(url);
}

// False when a kept connection turned out to be dead before any byte of the answer and the request may be sent again
// (RFC 9110, 9.2.2: only what changes nothing, since the first one may have been carried out): the caller tries a new
// one.
template <typename Stream>
bool HttpClient::State::exchange_on(Stream& stream, const Url& url, const HttpRequest& request, milliseconds io_timeout,
                                    const std::function<bool(const HttpResponse&)>& on_head,
                                    const std::function<bool(std::string_view)>& on_data) {
  const std::string where = connection->origin;
  const std::string text = request_text(url, request);
  error_code error = step(options.io_timeout, where,
                          [&](auto callback) { asio::async_write(stream, asio::buffer(text), std::move(callback)); });
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(boost::none);
  if (request.method == "HEAD") parser.skip(true);
  if (!error) {
    error = step(io_timeout, where, [&](auto callback) {
      http::async_read_header(stream, connection->buffer, parser, std::move(callback));
    });
  }
  if (error) {
    const bool repeatable = request.method == "GET" || request.method == "HEAD";
    if (connection->reused && repeatable && !parser.got_some()) return false;
    throw Error("request", where, error.message());
  }
  HttpResponse head;
  head.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) head.headers.add(field.name_string(), field.value());
  bool wanted = on_head(head);
  std::vector<char> piece(65536);
  while (wanted && !parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    error = step(io_timeout, where, [&](auto callback) {
      http::async_read_some(stream, connection->buffer, parser, std::move(callback));
    });
    if (error == http::error::need_buffer) error = {};
    if (error) throw Error("read answer of", where, error.message());
    const std::size_t got = piece.size() - parser.get().body().size;
    if (got > 0) wanted = on_data({piece.data(), got});
  }
  if (!wanted || !parser.keep_alive()) connection.reset();
  return true;
}

bool HttpClient::State::exchange(const Url& url, const HttpRequest& request, milliseconds io_timeout,
                                 const std::function<bool(const HttpResponse&)>& on_head,
                                 const std::function<bool(std::string_view)>& on_data) {
  connect(url);
  if (connection->tls) return exchange_on(*connection->tls, url, request, io_timeout, on_head, on_data);
  return exchange_on(connection->socket, url, request, io_timeout, on_head, on_data);
}

HttpClient::HttpClient(HttpClientOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

HttpClient::~HttpClient() = default;

void HttpClient::stream(const Url& url, const HttpRequest& request, milliseconds io_timeout,
                        const std::function<bool(const HttpResponse&)>& on_head,
                        const std::function<bool(std::string_view)>& on_data) {
  check_request(request);
  try {
    if (state_->exchange(url, request, io_timeout, on_head, on_data)) return;
    state_->connection.reset();
    if (!state_->exchange(url, request, io_timeout, on_head, on_data)) {
      throw Error("request", url.origin(), "the connection was closed before an answer");
    }
  } catch (...) {
    state_->connection.reset();  // its place in the conversation is unknown
    throw;
  }
}

HttpResponse HttpClient::request(const Url& url, const HttpRequest& request) {
  HttpResponse response;
  const std::size_t limit = state_->options.max_body_bytes;
  stream(
      url, request, state_->options.io_timeout,
      [&](const HttpResponse& head) {
        response = head;
        return true;
      },
      [&](std::string_view data) {
        if (response.body.size() + data.size() > limit) {
          throw Error("read answer of", url.origin(), std::format("more than {} bytes", limit));
        }
        response.body += data;
        return true;
      });
  return response;
}

HttpResponse HttpClient::request_unix(const std::string& socket_path, const HttpRequest& request) {
  Url url;
  url.scheme = "unix";
  url.host = "localhost";
  url.port = 80;
  url.path = socket_path;
  return this->request(url, request);
}

void HttpClient::cancel() {
  state_->cancelled = true;
  asio::post(state_->context, [state = state_.get()] {
    error_code ignored;
    if (state->connection) state->connection->socket.close(ignored);
  });
}

}  // namespace base
