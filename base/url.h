#pragma once
// http, https and unix URLs (RFC 3986, the parts that we use).

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

struct Url {
  std::string scheme;      // lower case: "http", "https", "unix"
  std::string user_info;   // still encoded, without '@'; never logged
  std::string host;        // without brackets of an IPv6 literal
  std::uint16_t port = 0;  // 80 or 443 when not given
  std::string path;        // with query, as given; "/" when empty. For unix: the socket's path

  // "http://host:port", IPv6 in brackets, without user info.
  std::string origin() const;
};

// Throws Error("parse URL", text, reason).
Url parse_url(std::string_view text);

}  // namespace base
