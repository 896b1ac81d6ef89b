#include "base/url.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/http.h"

namespace base {
namespace {

TEST_CASE("parts of a URL") {
  const Url url = parse_url("HTTPS://user:pw@Example.com:8443/a/b?c=d#frag");
  CHECK(url.scheme == "https");
  CHECK(url.user_info == "user:pw");
  CHECK(url.host == "example.com");
  CHECK(url.port == 8443);
  CHECK(url.path == "/a/b?c=d");
  CHECK(url.origin() == "https://example.com:8443");
  CHECK(parse_url("http://[::1]:2379").origin() == "http://[::1]:2379");
  CHECK(parse_url("https://h").port == 443);
  CHECK(parse_url("http://h?x=1").path == "/?x=1");
  CHECK(parse_url("unix:///run/x.sock").path == "/run/x.sock");
}

TEST_CASE("what is no URL is refused") {
  for (const char* bad : {"", "h:80", "ftp://h", "http://", "http://h:0", "http://h:65536", "http://h:x", "http://[::1",
                          "http://a b", "unix://x", "http://h\r\n"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_url(bad), Error);
  }
}

TEST_CASE("forms are Go's") {
  const auto form = parse_form("a=1&b=x%20y+z&&c&a=2");
  REQUIRE(form);
  CHECK(form->size() == 4);
  CHECK((*form)[1].second == "x y z");
  CHECK((*form)[2] == std::pair<std::string, std::string>("c", ""));
  CHECK_FALSE(parse_form("a=%zz"));
  CHECK_FALSE(parse_form("a=%2"));
}

TEST_CASE("header names have no case") {
  HttpHeaders headers;
  headers.add("Content-Type", "a");
  headers.set("content-type", "b");
  CHECK(headers.get("CONTENT-TYPE") == "b");
  CHECK(headers.all().size() == 1);
}

}  // namespace
}  // namespace base
