#include "kv/v2_answer.h"

#include <doctest/doctest.h>

#include "kv/go_text.h"
#include "kv/http_plain.h"

namespace {

kv::StoreEvent event(kv::EventAction action) {
  kv::StoreEvent made{.action = action, .node = {.key = "/1/a", .value = "b"}};
  made.node.modified_index = 5;
  made.node.created_index = 4;
  made.index = 5;
  return made;
}

TEST_CASE("v2 answer: fields in etcd's order, an empty value is shown, other empty ones are not") {
  kv::StoreEvent set = event(kv::EventAction::kSet);
  set.node.value = "";
  set.node.expires_at = 1'700'000'000'500'000'000;
  set.node.ttl = 3;
  set.previous = kv::NodeView{.key = "/1/a", .value = "old"};
  CHECK(kv::event_json(set) ==
        R"({"action":"set","node":{"key":"/a","value":"","expiration":"2023-11-14T22:13:20.5Z","ttl":3,)"
        R"("modifiedIndex":5,"createdIndex":4},"prevNode":{"key":"/a","value":"old"}})"
        "\n");
}

TEST_CASE("v2 answer: the root has no key, a directory lists its nodes") {
  kv::StoreEvent get{.action = kv::EventAction::kGet, .node = {.key = "/1"}};
  get.node.directory = true;
  CHECK(kv::event_json(get) == "{\"action\":\"get\",\"node\":{\"dir\":true}}\n");
  get.node.nodes.push_back({.key = "/1/x", .value = "1"});
  get.node.nodes.push_back({.key = "/1/y", .value = "2"});
  CHECK(kv::event_json(get) ==
        R"({"action":"get","node":{"dir":true,"nodes":[{"key":"/x","value":"1"},{"key":"/y","value":"2"}]}})"
        "\n");
}

TEST_CASE("v2 answer: without values on success, writes answer the action alone") {
  CHECK(kv::event_json(event(kv::EventAction::kCompareAndSwap), true) == "{\"action\":\"compareAndSwap\"}\n");
  CHECK(kv::event_json(event(kv::EventAction::kDelete), true) ==
        R"({"action":"delete","node":{"key":"/a","value":"b","modifiedIndex":5,"createdIndex":4}})"
        "\n");
}

TEST_CASE("v2 answer: strings are escaped as Go escapes them") {
  CHECK(kv::json_quoted("a\"b\\c\n\r\t") == R"("a\"b\\c\n\r\t")");
  CHECK(kv::json_quoted("<&>") == R"("\u003c\u0026\u003e")");
  CHECK(kv::json_quoted(std::string("\0\x01\x08\x0c\x1f\x7f", 6)) == "\"\\u0000\\u0001\\u0008\\u000c\\u001f\x7f\"");
  CHECK(kv::json_quoted("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa") == "\"\\u2028\\u2029\xe2\x80\xaa\"");
  CHECK(kv::json_quoted("\xff\xc3") == R"("\ufffd\ufffd")");
  CHECK(kv::json_quoted("\xed\xa0\x80") == R"("\ufffd\ufffd\ufffd")");
  CHECK(kv::json_quoted("ä€😀") == "\"ä€😀\"");
}

TEST_CASE("v2 answer: errors lose the prefix of their cause") {
  CHECK(kv::error_json({kv::ErrorCode::kKeyNotFound, "/1/x<y", 7}) ==
        R"({"errorCode":100,"message":"Key not found","cause":"/x\u003cy","index":7})"
        "\n");
  CHECK(kv::error_json({kv::ErrorCode::kNotFile, "/1", 7}) ==
        "{\"errorCode\":102,\"message\":\"Not a file\",\"index\":7}\n");
}

TEST_CASE("v2 answer: status and index of errors") {
  auto status = [](kv::ErrorCode code) { return kv::error_response({code, "", 9}).status; };
  CHECK(status(kv::ErrorCode::kKeyNotFound) == 404);
  CHECK(status(kv::ErrorCode::kTestFailed) == 412);
  CHECK(status(kv::ErrorCode::kNodeExists) == 412);
  CHECK(status(kv::ErrorCode::kNotFile) == 403);
  CHECK(status(kv::ErrorCode::kDirectoryNotEmpty) == 403);
  CHECK(status(kv::ErrorCode::kNotDirectory) == 400);
  CHECK(status(kv::ErrorCode::kRootReadOnly) == 400);
  CHECK(status(kv::ErrorCode::kEventIndexCleared) == 400);
  CHECK(status(kv::ErrorCode::kRaftInternal) == 500);
  CHECK(kv::error_response({kv::ErrorCode::kKeyNotFound, "", 9}).headers.get("x-etcd-index") == "9");
}

TEST_CASE("go text: durations") {
  using namespace std::chrono_literals;
  CHECK(kv::duration_text(0ns) == "0s");
  CHECK(kv::duration_text(999ns) == "999ns");
  CHECK(kv::duration_text(1500ns) == "1.5µs");
  CHECK(kv::duration_text(2ms) == "2ms");
  CHECK(kv::duration_text(1500ms) == "1.5s");
  CHECK(kv::duration_text(3661s) == "1h1m1s");
  CHECK(kv::duration_text(60s) == "1m0s");
}

TEST_CASE("go text: paths") {
  CHECK(kv::clean_url_path("/v2//keys/./a/../b/") == "/v2/keys/b/");
  CHECK(kv::clean_url_path("/") == "/");
  for (const char* path : {"/", "/a", "/a/", "/v2/keys/b/", "//", "", "/a//", "/a/.", "/./", "/../", "a", "//a"}) {
    CAPTURE(path);
    CHECK(kv::is_clean_url_path(path) == (kv::clean_url_path(path) == path));
  }
  CHECK(kv::escape_path("/a b/ü?!") == "/a%20b/%C3%BC%3F%21");
  CHECK(kv::unescape_path("/a%20b+c") == "/a b+c");
  CHECK_FALSE(kv::unescape_path("/%4"));
  base::HttpRequest request;
  request.target = "/v2//keys?wait=true";
  base::HttpResponse moved = kv::moved_permanently(request, "/v2/keys");
  CHECK(moved.headers.get("Location") == "/v2/keys?wait=true");
  CHECK(moved.body == "<a href=\"/v2/keys?wait=true\">Moved Permanently</a>.\n\n");
}

}  // namespace
