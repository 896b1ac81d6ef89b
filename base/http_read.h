#pragma once
// Reads one HTTP/1.1 request from a byte stream. For http_connection.cc alone, since it brings Beast.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string>

#include "base/http.h"

namespace base {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

// What read_request() of a connection is made of: with one read of the stream where that is enough, unlike Beast's own
// operations, and without a coroutine of its own.

// Feeds the parser what is in `buffer`. True: the message is whole, or wrong (`error`, Beast's). What comes behind it
// stays in the buffer.
inline bool take_request(boost::beast::flat_buffer& buffer, RequestParser& parser, boost::system::error_code& error) {
  error = {};
  if (buffer.size() > 0) {
    buffer.consume(parser.put(buffer.data(), error));
    if (error && error != boost::beast::http::error::need_more) return true;
    error = {};
  }
  return parser.is_done();
}

// The client waits for a word before it sends the body (RFC 9110, 10.1.1).
inline bool waits_for_word(const RequestParser& parser) {
  namespace http = boost::beast::http;
  return parser.is_header_done() && boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
}

// How much to read next. Most requests are smaller than the first.
inline std::size_t bytes_to_read(const RequestParser& parser) {
  return parser.is_header_done() ? 64 * 1024 : 1024;
}

// The stream has ended: end_of_stream when that was before a request began.
inline boost::system::error_code end_of_requests(RequestParser& parser) {
  boost::system::error_code error;
  if (parser.got_some()) parser.put_eof(error);
  return error ? error : boost::beast::http::error::end_of_stream;
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
