#include "base/http_listen.h"

#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <format>

#include "base/error.h"
#include "base/file.h"

namespace base {

namespace asio = boost::asio;
using boost::system::error_code;

std::shared_ptr<asio::ip::tcp::acceptor> open_tcp_acceptor(asio::io_context& context, const std::string& address,
                                                           std::uint16_t port) {
  const std::string where = std::format("{} port {}", address, port);
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) throw Error("listen on", where, "no IP address");
  const asio::ip::tcp::endpoint endpoint(ip, port);
  auto acceptor = std::make_shared<asio::ip::tcp::acceptor>(context);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) throw Error("listen on", where, error.value());
  return acceptor;
}

std::shared_ptr<asio::local::stream_protocol::acceptor> open_unix_acceptor(asio::io_context& context,
                                                                           const std::string& path, mode_t mode) {
  remove_file(path);
  auto acceptor = std::make_shared<asio::local::stream_protocol::acceptor>(context);
  error_code error;
  acceptor->open(asio::local::stream_protocol(), error);
  // Nobody may connect between bind and chmod.
  const mode_t old_mask = ::umask(0777);
  if (!error) acceptor->bind(asio::local::stream_protocol::endpoint(path), error);
  ::umask(old_mask);
  if (error) throw Error("listen on", path, error.value());
  check(::chmod(path.c_str(), mode), "chmod", path);
  acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) throw Error("listen on", path, error.value());
  return acceptor;
}

}  // namespace base
