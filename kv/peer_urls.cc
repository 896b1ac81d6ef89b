#include "kv/peer_urls.h"

#include <algorithm>
#include <format>
#include <string_view>

#include "base/text.h"
#include "kv/go_text.h"

namespace kv {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// strconv.Quote, for what can stand in these messages.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += std::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

struct ParsedUrl {
  std::string scheme;  // lower case
  std::string user;    // with its '@'
  std::string host;
  std::string path;
  std::string tail;  // query and fragment
};

// url.getScheme. Returns false for a text that begins with ':'.
bool take_scheme(std::string_view& rest, std::string& scheme) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    char c = rest[i];
    if (is_letter(c)) continue;
    if (c == ':') {
      if (i == 0) return false;
      scheme = base::lower(rest.substr(0, i));
      rest.remove_prefix(i + 1);
      return true;
    }
    if (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.')) return true;
  }
  return true;
}

bool is_optional_port(std::string_view text) {
  return text.empty() || (text[0] == ':' && std::ranges::all_of(text.substr(1), is_digit));
}

// url.parseHost: "" or what is wrong.
std::string host_error(std::string_view host) {
  std::string_view port;
  if (host.starts_with('[')) {
    std::size_t end = host.rfind(']');
    if (end == std::string_view::npos) return "missing ']' in host";
    port = host.substr(end + 1);
  } else if (std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
  }
  if (!is_optional_port(port)) return std::format("invalid port {} after host", quoted(port));
  for (std::size_t i = 0; i < host.size(); ++i) {
    auto byte = static_cast<unsigned char>(host[i]);
    if (host[i] == '%') {
      std::string error;
      std::string_view escape = host.substr(i, 3);
      // Only bytes beyond ASCII (and '%' itself) may be escaped in a host.
      bool bad = !unescape_query(escape, error) || (escape[1] < '8' && escape != "%25");
      if (bad) return "invalid URL escape " + quoted(escape);
    } else if (byte < 0x80 && !is_letter(host[i]) && !is_digit(host[i]) &&
               !std::string_view("-_.~!$&'()*+,;=:[]<>\"").contains(host[i])) {
      return std::format("invalid character {} in host name", quoted(host.substr(i, 1)));
    }
  }
  return "";
}

// url.Parse: "" or what is wrong.
std::string parse(std::string_view text, ParsedUrl& url) {
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) return "net/url: invalid control character in URL";
  std::string_view rest = text;
  if (!take_scheme(rest, url.scheme)) return "missing protocol scheme";
  std::size_t tail = std::min(rest.find('?'), rest.size());
  url.tail = rest.substr(tail);
  rest = rest.substr(0, tail);
  if (!rest.starts_with('/')) {
    if (!url.scheme.empty()) return "";  // opaque
    if (rest.substr(0, rest.find('/')).contains(':')) return "first path segment in URL cannot contain colon";
  }
  if (rest.starts_with("//") && (!url.scheme.empty() || !rest.starts_with("///"))) {
    rest.remove_prefix(2);
    std::string_view authority = rest.substr(0, rest.find('/'));
    rest.remove_prefix(authority.size());
    std::size_t at = authority.rfind('@');
    url.user = at == std::string_view::npos ? "" : authority.substr(0, at + 1);
    url.host = authority.substr(url.user.size());
    if (std::string error = host_error(url.host); !error.empty()) return error;
  }
  std::string error;
  if (!unescape_query(rest, error)) return error;
  url.path = rest;
  return "";
}

// net.SplitHostPort.
bool has_host_and_port(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (host.find(']') != host.size() - 1) return false;
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return false;
  }
  return !host.contains('[') && !host.contains(']') && !port.contains('[') && !port.contains(']');
}

}  // namespace

std::variant<std::vector<std::string>, UrlError> parse_peer_urls(const std::vector<std::string>& texts) {
  if (texts.empty()) return UrlError{"no valid URLs given"};
  std::vector<std::string> urls;
  for (const std::string& given : texts) {
    std::string_view text = base::trim(given);
    std::string_view before_fragment = text.substr(0, text.find('#'));
    ParsedUrl url;
    if (std::string error = parse(before_fragment, url); !error.empty()) {
      return UrlError{std::format("parse {}: {}", quoted(before_fragment), error)};
    }
    if (url.scheme != "http" && url.scheme != "https" && url.scheme != "unix" && url.scheme != "unixs") {
      return UrlError{std::format("URL scheme must be http, https, unix, or unixs: {}", text)};
    }
    if (!has_host_and_port(url.host)) {
      return UrlError{std::format("URL address does not have the form \"host:port\": {}", text)};
    }
    if (!url.path.empty()) return UrlError{std::format("URL must not contain a path: {}", text)};
    urls.push_back(std::format("{}://{}{}{}", url.scheme, url.user, url.host, url.tail));
  }
  std::ranges::sort(urls);
  return urls;
}

}  // namespace kv
