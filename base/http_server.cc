#include "base/http_server.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>

#include "base/http_connection.h"
#include "base/http_listen.h"

namespace base {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Closes those whose time is up, until there is no connection any more. A deadline may be passed by a second, or by a
// tenth of the shortest time-out where that is less.
void begin_sweep(const std::shared_ptr<HttpServer::State>& server) {
  constexpr std::chrono::milliseconds kShortest{10};
  constexpr std::chrono::milliseconds kLongest{1000};
  const auto shortest = std::min(server->options.idle_timeout, server->options.handshake_timeout);
  auto sweep = [weak = std::weak_ptr(server)] {
    const auto state = weak.lock();
    if (!state) return;
    const HttpClock::time_point now = HttpClock::now();
    std::vector<std::shared_ptr<HttpConnection>> late;
    std::ranges::copy_if(state->connections, std::back_inserter(late),
                         [now](const auto& connection) { return connection->deadline() <= now; });
    for (const auto& connection : late) connection->close();
    if (state->connections.empty()) state->sweep.reset();
  };
  server->sweep = server->loop.every(std::clamp(shortest / 10, kShortest, kLongest), sweep);
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
    auto connection =
        std::make_shared<HttpConnection>(server, HttpStream::Socket(std::move(socket)), std::move(peer), tls);
    server->connections.insert(connection);
    if (!server->sweep) begin_sweep(server);
    asio::co_spawn(server->loop.context(), connection->serve(), asio::detached);
  }
}

}  // namespace

HttpServer::HttpServer(EventLoop& loop, HttpServerOptions options, Handler handler)
    : state_(std::make_shared<State>(State{loop, options, std::move(handler)})) {}

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
  state_->sweep.reset();
  const auto connections = std::exchange(state_->connections, {});
  for (const auto& connection : connections) connection->close();
}

}  // namespace base
