#include "base/url.h"

#include "base/error.h"
#include "base/text.h"

namespace base {

std::string Url::origin() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return scheme + "://" + (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Url parse_url(std::string_view text) {
  const auto bad = [&](std::string_view reason) { return Error("parse URL", text.substr(0, 256), reason); };
  if (text.size() > 8192) throw bad("longer than 8192 bytes");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) throw bad("blanks and control characters are not allowed");
  }
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) throw bad("no scheme (want http://, https:// or unix://)");
  Url url;
  url.scheme = lower(text.substr(0, colon));
  text.remove_prefix(colon + 3);
  if (url.scheme == "unix") {
    if (text.empty() || text.front() != '/') throw bad("a unix URL is unix:///absolute/path");
    url.path = text;
    return url;
  }
  if (url.scheme != "http" && url.scheme != "https") throw bad("the scheme must be http, https or unix");
  const auto path = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, path);
  std::string_view rest = path == std::string_view::npos ? std::string_view() : text.substr(path);
  rest = rest.substr(0, rest.find('#'));
  url.path = rest.empty() || rest.front() != '/' ? "/" + std::string(rest) : std::string(rest);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) throw bad("'[' without ']'");
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const auto separator = authority.find(':');
    url.host = lower(authority.substr(0, separator));
    port = separator == std::string_view::npos ? std::string_view() : authority.substr(separator);
  }
  if (url.host.empty()) throw bad("no host");
  url.port = url.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    const auto number = port.front() == ':' ? parse_unsigned(port.substr(1)) : std::nullopt;
    if (!number || *number == 0 || *number > 65535) throw bad("the port must be 1 to 65535");
    url.port = static_cast<std::uint16_t>(*number);
  }
  return url;
}

}  // namespace base
