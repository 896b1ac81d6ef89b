#pragma once
// The sockets that HttpServer accepts on. For http_server.cc alone, since it brings Asio.

#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace base {

// Bound and listening. Throw Error with the address or the path.
std::shared_ptr<boost::asio::ip::tcp::acceptor> open_tcp_acceptor(boost::asio::io_context& context,
                                                                  const std::string& address, std::uint16_t port);
// Replaces a socket that is there already.
std::shared_ptr<boost::asio::local::stream_protocol::acceptor> open_unix_acceptor(boost::asio::io_context& context,
                                                                                  const std::string& path, mode_t mode);

}  // namespace base
