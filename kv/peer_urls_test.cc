#include "kv/peer_urls.h"

#include <doctest/doctest.h>

#include <string_view>

namespace {

std::string error_of(const std::string& url) {
  auto result = kv::parse_peer_urls({url});
  auto* error = std::get_if<kv::UrlError>(&result);
  return error == nullptr ? "" : error->text;
}

}  // namespace

TEST_CASE("peer URLs: errors in Go's words") {
  struct Case {
    std::string_view url;
    std::string_view error;
  };
  // Each was seen from etcd 3.4.23.
  for (const auto& [url, error] : std::initializer_list<Case>{
           {"x", "URL scheme must be http, https, unix, or unixs: x"},
           {"", "URL scheme must be http, https, unix, or unixs: "},
           {"//a:1", "URL scheme must be http, https, unix, or unixs: //a:1"},
           {"ftp://a:1", "URL scheme must be http, https, unix, or unixs: ftp://a:1"},
           {"localhost:80", "URL scheme must be http, https, unix, or unixs: localhost:80"},
           {"127.0.0.1:80", R"(parse "127.0.0.1:80": first path segment in URL cannot contain colon)"},
           {":x", R"(parse ":x": missing protocol scheme)"},
           {"http://a", R"(URL address does not have the form "host:port": http://a)"},
           {"http://a:1:2", R"(URL address does not have the form "host:port": http://a:1:2)"},
           {"http://::1:80", R"(URL address does not have the form "host:port": http://::1:80)"},
           {"http://", R"(URL address does not have the form "host:port": http://)"},
           {"http://a:1/", "URL must not contain a path: http://a:1/"},
           {"http://a:x", R"(parse "http://a:x": invalid port ":x" after host)"},
           {"http://a b:1", R"(parse "http://a b:1": invalid character " " in host name)"},
           {"http://[::1:1", R"(parse "http://[::1:1": missing ']' in host)"},
           {"http://%zz:1", R"(parse "http://%zz:1": invalid URL escape "%zz")"},
           {"http://a\x01:1", R"(parse "http://a\x01:1": net/url: invalid control character in URL)"},
           {"http://a:99999999", ""},
           {"http://[::1]:2380", ""},
       }) {
    CAPTURE(url);
    CHECK(error_of(std::string(url)) == error);
  }
  auto none = kv::parse_peer_urls({});
  CHECK(std::get<kv::UrlError>(none).text == "no valid URLs given");
}

TEST_CASE("peer URLs: trimmed, scheme in lower case, sorted") {
  auto urls = kv::parse_peer_urls({"http://127.0.0.1:2", " HTTP://Localhost:1 "});
  CHECK(std::get<std::vector<std::string>>(urls) ==
        std::vector<std::string>{"http://127.0.0.1:2", "http://Localhost:1"});
}
