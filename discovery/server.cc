// UDP: wait until the socket is readable, then take and answer up to a batch without blocking; an answer that the
// kernel does not take at once is dropped, as the network might do with it. TCP: one message is read, answered and
// written before the next is read, so a client that does not read its answers holds one message and one answer, no
// more.

#include "discovery/server.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <format>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace discovery {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxDatagram = 4096;
constexpr std::chrono::milliseconds kAcceptPause{100};  // after an accept error, such as no descriptors left

struct Address {
  asio::ip::address ip;
  std::uint16_t port = 0;
};

Address parse_address(const std::string& text) {
  const auto refuse = [&] {
    return base::UsageError(
        std::format("cannot listen on '{}': it is not ADDRESS:PORT, such as 127.0.0.153:53 or [::1]:53", text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw refuse();
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    throw refuse();
  }
  const auto port = base::parse_unsigned(std::string_view(text).substr(colon + 1));
  error_code error;
  const asio::ip::address ip = asio::ip::make_address(host, error);
  if (error || !port || *port == 0 || *port > UINT16_MAX) throw refuse();
  return {ip, static_cast<std::uint16_t>(*port)};
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(base::EventLoop& loop, ServerOptions given_options, Handler given_handler)
      : context(loop.context()), options(given_options), handler(std::move(given_handler)) {}

  asio::io_context& context;
  ServerOptions options;
  Handler handler;
  std::vector<std::shared_ptr<udp::socket>> sockets;
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  std::size_t connections = 0;
  std::array<char, kMaxDatagram> datagram{};

  void receive(const std::shared_ptr<udp::socket>& socket);
  void answer_batch(udp::socket& socket);
  void accept(const std::shared_ptr<tcp::acceptor>& acceptor);
};

void Server::State::receive(const std::shared_ptr<udp::socket>& socket) {
  socket->async_wait(udp::socket::wait_read, [self = shared_from_this(), socket](const error_code& error) {
    if (error) return;
    self->answer_batch(*socket);
    self->receive(socket);
  });
}

void Server::State::answer_batch(udp::socket& socket) {
  for (unsigned i = 0; i < options.max_udp_batch; ++i) {
    udp::endpoint peer;
    error_code error;
    const std::size_t size = socket.receive_from(asio::buffer(datagram), peer, 0, error);
    if (error == asio::error::would_block) return;
    if (error) continue;  // an ICMP error of an earlier answer
    if (const auto answer = handler(std::string_view(datagram.data(), size), Transport::kUdp)) {
      socket.send_to(asio::buffer(*answer), peer, 0, error);
    }
  }
}

namespace {

// One TCP client.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `handler` and `count` keep the server's state alive: a connection may outlive the server inside the loop.
  Connection(tcp::socket socket, std::chrono::milliseconds timeout, std::shared_ptr<const Server::Handler> handler,
             std::shared_ptr<std::size_t> count)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        timeout_(timeout),
        handler_(std::move(handler)),
        count_(std::move(count)) {
    ++*count_;
  }
  ~Connection() { --*count_; }

  void read_length() {
    expect_within_timeout();
    asio::async_read(socket_, asio::buffer(length_), [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error) return self->close();
      self->read_message();
    });
  }

 private:
  void read_message() {
    message_.resize(static_cast<std::size_t>(length_[0]) << 8 | length_[1]);
    asio::async_read(socket_, asio::buffer(message_),
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       if (error) return self->close();
                       self->write_answer();
                     });
  }

  void write_answer() {
    const auto answer = (*handler_)(message_, Transport::kTcp);
    if (!answer) return close();
    reply_.assign({static_cast<char>(answer->size() >> 8), static_cast<char>(answer->size() & 0xff)});
    reply_ += *answer;
    asio::async_write(socket_, asio::buffer(reply_), [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error) return self->close();
      self->read_length();
    });
  }

  // From here the next whole message must have come and its answer been taken.
  void expect_within_timeout() {
    timer_.expires_after(timeout_);
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (!error && self) self->close();
    });
  }

  void close() {
    error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::chrono::milliseconds timeout_;
  std::shared_ptr<const Server::Handler> handler_;
  std::shared_ptr<std::size_t> count_;
  std::array<std::uint8_t, 2> length_{};
  std::string message_;
  std::string reply_;
};

}  // namespace

void Server::State::accept(const std::shared_ptr<tcp::acceptor>& acceptor) {
  acceptor->async_accept([self = shared_from_this(), acceptor](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      auto pause = std::make_shared<asio::steady_timer>(self->context, kAcceptPause);
      pause->async_wait([self, acceptor, pause](const error_code& stopped) {
        if (!stopped) self->accept(acceptor);
      });
      return;
    }
    if (self->connections < self->options.max_tcp_connections) {
      const std::shared_ptr<const Handler> answer(self, &self->handler);
      const std::shared_ptr<std::size_t> count(self, &self->connections);
      std::make_shared<Connection>(std::move(socket), self->options.tcp_idle_timeout, answer, count)->read_length();
    }
    self->accept(acceptor);
  });
}

Server::Server(base::EventLoop& loop, ServerOptions options, Handler handler)
    : state_(std::make_shared<State>(loop, options, std::move(handler))) {}

Server::~Server() {
  error_code ignored;
  for (const auto& socket : state_->sockets) socket->close(ignored);
  for (const auto& acceptor : state_->acceptors) acceptor->close(ignored);
}

void Server::listen(const std::string& text) {
  const Address address = parse_address(text);
  try {
    const auto socket = std::make_shared<udp::socket>(state_->context, udp::endpoint(address.ip, address.port));
    socket->non_blocking(true);
    const auto acceptor = std::make_shared<tcp::acceptor>(state_->context);
    const tcp::endpoint endpoint(address.ip, address.port);
    acceptor->open(endpoint.protocol());
    acceptor->set_option(tcp::acceptor::reuse_address(true));
    acceptor->bind(endpoint);
    acceptor->listen();
    state_->sockets.push_back(socket);
    state_->acceptors.push_back(acceptor);
    state_->receive(socket);
    state_->accept(acceptor);
  } catch (const boost::system::system_error& error) {
    throw base::Error("listen on", text, error.code().message());
  }
}

}  // namespace discovery
