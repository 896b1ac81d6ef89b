#pragma once
// Answers as HTTP/1.1 text (RFC 9112), for the server. With as few copies as can be: every request gets one.

#include <string>
#include <string_view>

#include "base/http.h"

namespace base {

// Status line, headers, Date, `framing` (whole header lines) and the empty line; with room for `body_bytes` behind it.
std::string http_head_text(const HttpResponse& response, std::string_view framing, std::size_t body_bytes = 0);

// One chunk (RFC 9112, 7.1). An empty one would be the last.
std::string http_chunk(std::string_view data);

}  // namespace base
