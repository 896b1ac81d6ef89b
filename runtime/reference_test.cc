#include "runtime/reference.h"

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"

namespace runtime {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string normalised(std::string_view text) {
  return parse_reference(text).text();
}

}  // namespace

TEST_CASE("names without a registry are Docker Hub's") {
  CHECK(normalised("nginx") == "docker.io/library/nginx:latest");
  CHECK(normalised("nginx:1.27") == "docker.io/library/nginx:1.27");
  CHECK(normalised("team/app") == "docker.io/team/app:latest");
  CHECK(normalised("docker.io/nginx") == "docker.io/library/nginx:latest");
  CHECK(normalised("index.docker.io/nginx") == "docker.io/library/nginx:latest");
}

TEST_CASE("a first component with a dot, a port or localhost is a registry") {
  CHECK(normalised("example.com/myapp") == "example.com/myapp:latest");
  CHECK(normalised("localhost/a/b") == "localhost/a/b:latest");
  CHECK(normalised("registry:5000/app:v1") == "registry:5000/app:v1");
  CHECK(normalised("[::1]:5000/app") == "[::1]:5000/app:latest");
  CHECK(normalised("127.0.0.1:5000/x/y__z-1.0:Tag_1") == "127.0.0.1:5000/x/y__z-1.0:Tag_1");
}

TEST_CASE("a digest takes the place of the default tag") {
  const Reference reference = parse_reference("example.com/app@" + kDigest);
  CHECK(reference.tag.empty());
  CHECK(reference.selector() == kDigest);
  CHECK(normalised("example.com/app:v1@" + kDigest) == "example.com/app:v1@" + kDigest);
  CHECK(parse_reference("example.com/app:v1").selector() == "v1");
}

TEST_CASE("what is no reference is refused") {
  for (const std::string text : {"",
                                 "/",
                                 "/app",
                                 "app/",
                                 "a//b",
                                 "UPPER",
                                 "example.com/Upper",
                                 "app:",
                                 "app:-x",
                                 "app@",
                                 "app@sha256:abc",
                                 "app@md5:"
                                 "00000000000000000000000000000000",
                                 "example.com:0/app",
                                 "example.com:99999/app",
                                 "example.com:5a/app",
                                 "https://example.com/app",
                                 "-x.com/app",
                                 "example..com/app",
                                 "a.-b/c",
                                 "[::1/app",
                                 "[x]:5/app",
                                 "app name",
                                 "../etc/passwd",
                                 "example.com/../x",
                                 "a___b",
                                 "app:tag:tag",
                                 "app\n",
                                 "a.b/c d"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_reference(text), base::Error);
  }
  CHECK_THROWS_AS(parse_reference(std::string("a\0b", 3)), base::Error);
}

TEST_CASE("names and tags have Docker's bounds") {
  CHECK_NOTHROW(parse_reference("example.com/" + std::string(243, 'a')));
  CHECK_THROWS_AS(parse_reference("example.com/" + std::string(244, 'a')), base::Error);
  CHECK_NOTHROW(parse_reference("app:" + std::string(128, 'a')));
  CHECK_THROWS_AS(parse_reference("app:" + std::string(129, 'a')), base::Error);
  CHECK_THROWS_AS(parse_reference(std::string(1000000, 'a')), base::Error);
}

TEST_CASE("only a strict digest becomes a file name") {
  CHECK(digest_hex(kDigest) == std::string(64, 'a'));
  for (const std::string& text : {std::string("sha256:../../etc/passwd"), "sha256:" + std::string(64, 'A'),
                                  "sha512:" + std::string(64, 'a'), kDigest + "a", std::string()}) {
    CAPTURE(text);
    CHECK_FALSE(is_digest(text));
    CHECK_THROWS_AS(digest_hex(text), base::Error);
  }
}

TEST_CASE("loopback is 127/8, ::1 and localhost, and nothing that only looks like it") {
  CHECK(is_loopback("localhost"));
  CHECK(is_loopback("127.9.9.9"));
  CHECK(is_loopback("::1"));
  CHECK_FALSE(is_loopback("127.0.0.1.example.com"));
  CHECK_FALSE(is_loopback("localhost.example.com"));
  CHECK_FALSE(is_loopback("128.0.0.1"));
}

}  // namespace runtime
