#pragma once
// Go's mime.ParseMediaType (RFC 2045, 5.1; RFC 2616, 3.6), as far as net/http asks it for a form's Content-Type.

#include <string>
#include <string_view>

namespace kv {

struct MediaType {
  std::string name;   // "application/json", lower case; "" when it is no media type
  std::string error;  // Go's text, or ""; a bad parameter leaves the name as it is
};

MediaType parse_media_type(std::string_view text);

}  // namespace kv
