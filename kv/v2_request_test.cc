#include "kv/v2_request.h"

#include <doctest/doctest.h>

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;

std::variant<kv::V2Request, kv::StoreError> parse(const std::string& method, const std::string& query,
                                                  const std::string& body = "",
                                                  const std::string& type = "application/x-www-form-urlencoded",
                                                  const std::string& path = "/v2/keys/a") {
  base::HttpRequest request;
  request.method = method;
  request.target = path + (query.empty() ? "" : "?" + query);
  request.body = body;
  if (!type.empty()) request.headers.set("content-type", type);
  return kv::parse_v2_request(request, path, kNow);
}

kv::V2Request good(const std::string& method, const std::string& query, const std::string& body = "",
                   const std::string& type = "application/x-www-form-urlencoded") {
  auto parsed = parse(method, query, body, type);
  REQUIRE(std::holds_alternative<kv::V2Request>(parsed));
  return std::get<kv::V2Request>(parsed);
}

std::string bad(const std::string& method, const std::string& query, const std::string& body = "") {
  auto parsed = parse(method, query, body);
  if (!std::holds_alternative<kv::StoreError>(parsed)) return "no error";
  const kv::StoreError& error = std::get<kv::StoreError>(parsed);
  CHECK(error.index == 0);
  return std::format("{} {}", static_cast<int>(error.code), error.cause);
}

TEST_CASE("v2 request: which operation a PUT is") {
  using kv::Operation;
  CHECK(good("PUT", "").command.operation == Operation::kSet);
  CHECK(good("PUT", "prevExist=true").command.operation == Operation::kUpdate);
  CHECK(good("PUT", "prevExist=false").command.operation == Operation::kCreate);
  CHECK(good("PUT", "prevExist=false&prevValue=x").command.operation == Operation::kCreate);
  CHECK(good("PUT", "prevExist=true&prevValue=x").command.operation == Operation::kCompareAndSwap);
  CHECK(good("PUT", "prevIndex=3").command.operation == Operation::kCompareAndSwap);
  CHECK(good("PUT", "prevIndex=0").command.operation == Operation::kSet);
  CHECK(good("POST", "prevValue=x").command.operation == Operation::kCreateInOrder);
  CHECK(good("DELETE", "").command.operation == Operation::kDelete);
  CHECK(good("DELETE", "prevValue=x").command.operation == Operation::kCompareAndDelete);
}

TEST_CASE("v2 request: which read a GET is") {
  CHECK(good("GET", "").kind == kv::V2Kind::kRead);
  CHECK(good("GET", "wait=true").kind == kv::V2Kind::kWatch);
  CHECK(good("GET", "quorum=true").kind == kv::V2Kind::kFreshRead);
  CHECK(good("GET", "quorum=true&wait=true").kind == kv::V2Kind::kFreshRead);
  CHECK(good("HEAD", "quorum=true").kind == kv::V2Kind::kRead);
}

TEST_CASE("v2 request: the body of PUT and POST counts, and wins over the query") {
  CHECK(good("PUT", "value=q", "value=b").command.value == "b");
  CHECK(good("PUT", "value=q").command.value == "q");
  CHECK(good("PUT", "value=q", "value=b", "text/plain").command.value == "q");
  CHECK(good("PUT", "value=q", "value=b", "").command.value == "q");
  CHECK(good("PUT", "", "value=b", "Application/X-WWW-Form-URLEncoded; charset=utf-8").command.value == "b");
  CHECK(good("DELETE", "", "prevValue=b").command.operation == kv::Operation::kDelete);
  CHECK(good("PUT", "", "value=1&value=2").command.value == "1");
  CHECK(good("PUT", "", "value=a+b%26%3D").command.value == "a b&=");
}

TEST_CASE("v2 request: every bad parameter has its error") {
  CHECK(bad("PUT", "", "value=%zz") == "210 invalid URL escape \"%zz\"");
  CHECK(bad("GET", "a;b") == "210 invalid semicolon separator in query");
  CHECK(bad("PUT", "prevIndex=x") == "203 invalid value for \"prevIndex\"");
  CHECK(bad("PUT", "prevIndex=") == "203 invalid value for \"prevIndex\"");
  CHECK(bad("PUT", "prevIndex=-1") == "203 invalid value for \"prevIndex\"");
  CHECK(bad("PUT", "prevIndex=18446744073709551616") == "203 invalid value for \"prevIndex\"");
  CHECK(bad("GET", "waitIndex=+1") == "203 invalid value for \"waitIndex\"");
  for (const char* name : {"recursive", "sorted", "wait", "dir", "quorum", "stream", "noValueOnSuccess"}) {
    CHECK(bad("GET", std::string(name) + "=yes") == "209 invalid value for \"" + std::string(name) + "\"");
    CHECK(bad("GET", std::string(name) + "=") == "209 invalid value for \"" + std::string(name) + "\"");
  }
  CHECK(bad("PUT", "wait=true") == "209 \"wait\" can only be used with GET requests");
  CHECK(bad("PUT", "prevValue=") == "201 \"prevValue\" cannot be empty");
  CHECK(bad("PUT", "ttl=1.5") == "202 invalid value for \"ttl\"");
  CHECK(bad("PUT", "prevExist=maybe") == "209 invalid value for prevExist");
  CHECK(bad("PUT", "refresh=maybe") == "209 invalid value for refresh");
  CHECK(bad("PUT", "refresh=true&ttl=1&value=x") == "211 A value was provided on a refresh");
  CHECK(bad("PUT", "refresh=true") == "212 No TTL value set");
}

TEST_CASE("v2 request: the first wrong parameter is the one that is told") {
  CHECK(bad("PUT", "dir=x&prevIndex=x") == "203 invalid value for \"prevIndex\"");
  CHECK(bad("PUT", "ttl=x&dir=x") == "209 invalid value for \"dir\"");
  CHECK(bad("PUT", "ttl=x&prevExist=x") == "202 invalid value for \"ttl\"");
}

TEST_CASE("v2 request: TTLs") {
  CHECK(good("PUT", "").command.expires_at == 0);
  CHECK(good("PUT", "ttl=").command.expires_at == 0);
  CHECK(good("PUT", "ttl=0").command.expires_at == kNow);
  CHECK(good("PUT", "ttl=5").command.expires_at == kNow + 5'000'000'000);
  CHECK(good("PUT", "ttl=9223372037").command.expires_at < 0);
  CHECK(good("PUT", "refresh=true&ttl=5&value=").command.refresh);
  CHECK_FALSE(good("PUT", "refresh=false").command.refresh);
}

TEST_CASE("v2 request: keys lie below /1") {
  auto key = [](const std::string& path) {
    auto parsed = parse("GET", "", "", "", path);
    return std::get<kv::V2Request>(parsed).key;
  };
  CHECK(key("/v2/keys") == "/1");
  CHECK(key("/v2/keys/") == "/1");
  CHECK(key("/v2/keys/a/") == "/1/a");
  CHECK(key("/v2/keys/a/b") == "/1/a/b");
}

TEST_CASE("v2 request: a key has a bounded number of parts") {
  std::string path = "/v2/keys";
  for (std::size_t i = 0; i < kv::kMaxKeyParts; ++i) path += "/k";
  CHECK(std::holds_alternative<kv::V2Request>(parse("GET", "", "", "", path)));
  CHECK(std::holds_alternative<kv::StoreError>(parse("GET", "", "", "", path + "/k")));
}

}  // namespace
