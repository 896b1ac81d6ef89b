#include "runtime/registry_auth.h"

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"
#include "runtime/registry.h"

namespace runtime {

TEST_CASE("a bearer challenge with quoted parameters") {
  const auto found = parse_challenges(
      R"(Bearer realm="https://auth.example.com/token",service="registry, the one",scope="repository:a/b:pull,push")");
  REQUIRE(found.size() == 1);
  CHECK(found[0].scheme == "bearer");
  CHECK(found[0].parameters.at("realm") == "https://auth.example.com/token");
  CHECK(found[0].parameters.at("service") == "registry, the one");
  CHECK(found[0].parameters.at("scope") == "repository:a/b:pull,push");
}

TEST_CASE("several challenges in one header, in any case and spacing") {
  const auto found = parse_challenges(R"(BASIC Realm = "a \"b\"" ,  Bearer REALM=x, service=y)");
  REQUIRE(found.size() == 2);
  CHECK(found[0].scheme == "basic");
  CHECK(found[0].parameters.at("realm") == "a \"b\"");
  CHECK(found[1].parameters.at("realm") == "x");
  CHECK(found[1].parameters.at("service") == "y");
}

TEST_CASE("damaged challenges end the list and nothing else") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(",,,").empty());
  CHECK(parse_challenges("\"").empty());
  CHECK(parse_challenges("Bearer realm=\"open").size() == 1);
  CHECK(parse_challenges("Bearer realm=\"open\\").at(0).parameters.empty());
  std::string long_one;
  for (int i = 0; i < 100000; ++i) long_one += "a, ";
  CHECK(parse_challenges(long_one).size() <= 16);
}

TEST_CASE("the longest key of the auth file that fits wins") {
  // user:all, user:team, hub:pw
  const std::string file =
      R"({"auths":{"example.com":{"auth":"dXNlcjphbGw="},"example.com/team":{"auth":"dXNlcjp0ZWFt"},
    "https://index.docker.io/v1/":{"auth":"aHViOnB3"},"other.com":{}}})";
  CHECK(find_credentials(file, "example.com", "x", "f")->password == "all");
  CHECK(find_credentials(file, "example.com", "team/app", "f")->password == "team");
  CHECK(find_credentials(file, "example.com", "teamster/app", "f")->password == "all");
  CHECK(find_credentials(file, "docker.io", "library/nginx", "f")->user == "hub");
  CHECK_FALSE(find_credentials(file, "example.com.evil.org", "x", "f"));
  CHECK_FALSE(find_credentials(file, "other.com", "x", "f"));
  CHECK_FALSE(find_credentials("{}", "example.com", "x", "f"));
}

TEST_CASE("a damaged auth file is refused without its secrets in the message") {
  for (const std::string text :
       {"", "[]", R"({"auths":[]})", R"({"auths":{"a.b":7}})", R"({"auths":{"a.b":{"auth":"c2VjcmV0"}}})",
        R"({"auths":{"a.b":{"auth":"%%secret"}}})"}) {
    CAPTURE(text);
    try {
      find_credentials(text, "a.b", "x", "file.json");
      FAIL("accepted");
    } catch (const base::Error& error) {
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
      CHECK(std::string(error.what()).find("c2VjcmV0") == std::string::npos);
    }
  }
}

TEST_CASE("a token server's answer") {
  CHECK(parse_token(R"({"token":"abc.def"})", "x") == "abc.def");
  CHECK(parse_token(R"({"access_token":"abc"})", "x") == "abc");
  CHECK_THROWS_AS(parse_token(R"({})", "x"), base::Error);
  CHECK_THROWS_AS(parse_token(R"({"token":"a\r\nX-Evil: 1"})", "x"), base::Error);
  CHECK_THROWS_AS(parse_token("<html>", "x"), base::Error);
}

TEST_CASE("the registries file names the hosts of plain http") {
  const auto hosts = parse_registries_file(R"({"insecure-registries":["a.example:5000","b.example"]})", "f");
  REQUIRE(hosts.size() == 2);
  CHECK(hosts[0].port == 5000);
  CHECK(hosts[1].port == 0);
  CHECK_THROWS_AS(parse_registries_file(R"({"insecure":[]})", "f"), base::Error);
  CHECK_THROWS_AS(parse_registries_file(R"({"insecure-registries":["http://a"]})", "f"), base::Error);
  CHECK_THROWS_AS(parse_registries_file(R"({"insecure-registries":[1]})", "f"), base::Error);
}

}  // namespace runtime
