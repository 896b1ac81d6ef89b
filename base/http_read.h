#pragma once
// Reads one HTTP/1.1 request from a byte stream. For http_server.cc alone, since it brings Asio and Beast.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string>

#include "base/http.h"

namespace base {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

// Feeds the parser until the message is whole: with one read of the stream where that is enough, unlike Beast's own
// operations. What comes behind the message stays in `buffer`. `go_on` is called when the client waits for a word
// before it sends the body (RFC 9110, 10.1.1). Errors are Beast's: end_of_stream when the stream ends before a request
// begins.
template <typename Stream, typename GoOn>
boost::asio::awaitable<void> read_request_message(Stream& stream, boost::beast::flat_buffer& buffer,
                                                  RequestParser& parser, boost::system::error_code& error, GoOn go_on) {
  namespace http = boost::beast::http;
  // Most requests are smaller.
  constexpr std::size_t kReadBytes = 1024;
  constexpr std::size_t kReadMoreBytes = 64 * 1024;
  parser.eager(true);
  bool told_to_go_on = false;
  while (true) {
    if (buffer.size() > 0) {
      buffer.consume(parser.put(buffer.data(), error));
      if (error && error != http::error::need_more) co_return;
      error = {};
    }
    if (parser.is_done()) co_return;
    if (parser.is_header_done() && !told_to_go_on &&
        boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      told_to_go_on = true;
      go_on();
    }
    const std::size_t room = parser.is_header_done() ? kReadMoreBytes : kReadBytes;
    const std::size_t count = co_await stream.async_read_some(
        buffer.prepare(room), boost::asio::redirect_error(boost::asio::use_awaitable, error));
    buffer.commit(count);
    if (error == boost::asio::error::eof) {
      error = {};
      if (parser.got_some()) parser.put_eof(error);
      if (!error) error = http::error::end_of_stream;
    }
    if (error) co_return;
  }
}

// A whole message as handlers see it. `peer`: who sent it.
inline HttpRequest to_request(const boost::beast::http::request<boost::beast::http::string_body>& message,
                              const std::string& peer) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) request.headers.add(field.name_string(), field.value());
  request.body = message.body();
  request.peer = peer;
  return request;
}

}  // namespace base
