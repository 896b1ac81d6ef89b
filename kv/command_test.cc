#include "kv/command.h"

#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/error.h"
#include "kv/event.h"

namespace {

kv::Command example() {
  kv::Command command{.operation = kv::Operation::kCompareAndSwap, .key = "/1/a", .value = "new"};
  command.previous_value = "old";
  command.previous_index = 300;
  command.directory = true;
  command.refresh = true;
  command.expires_at = 1;
  command.time = -1;
  return command;
}

// The log keeps these bytes: a change of them is a new version (docs/formats/kv-command.md).
TEST_CASE("command: golden bytes") {
  CHECK(base::hex(kv::encode(example())) ==
        "01"
        "05"
        "05"
        "ac02"
        "01"
        "ffffffffffffffffff01"
        "042f312f61"
        "036e6577"
        "036f6c64");
}

TEST_CASE("command: what was encoded is decoded") {
  CHECK(kv::decode_command(kv::encode(example())) == example());
  kv::Command expire{.operation = kv::Operation::kExpire};
  CHECK(kv::decode_command(kv::encode(expire)) == expire);
  kv::Command remove{.operation = kv::Operation::kRemoveMember, .key = "/0/members/1", .strict = true};
  CHECK(kv::decode_command(kv::encode(remove)) == remove);
}

TEST_CASE("command: bytes that are none are refused") {
  std::string bytes = kv::encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(kv::decode_command(bytes.substr(0, size)), base::Error);
  }
  CHECK_THROWS_AS(kv::decode_command(bytes + "x"), base::Error);
  std::string other = bytes;
  other[0] = 2;
  CHECK_THROWS_AS(kv::decode_command(other), base::Error);
  other = bytes;
  other[1] = 13;
  CHECK_THROWS_AS(kv::decode_command(other), base::Error);
  other = bytes;
  other[2] = 16;
  CHECK_THROWS_AS(kv::decode_command(other), base::Error);
}

kv::StoreEvent example_event() {
  kv::StoreEvent event{.action = kv::EventAction::kUpdate, .node = {.key = "/1/a", .value = "v"}};
  event.node.expires_at = 128;
  event.node.ttl = 1;
  event.node.modified_index = 5;
  event.node.created_index = 4;
  event.previous = kv::NodeView{.key = "/1/a", .value = ""};
  event.previous->modified_index = 4;
  event.previous->created_index = 4;
  event.refresh = true;
  event.index = 5;
  return event;
}

// The history keeps these bytes (docs/formats/kv-store.md).
TEST_CASE("event: golden bytes") {
  CHECK(base::hex(kv::encode(example_event())) ==
        "01"
        "03"
        "03"
        "05"
        "06"
        "042f312f61"
        "0176"
        "8001"
        "01"
        "05"
        "04"
        "02"
        "042f312f61"
        "00"
        "04"
        "04");
}

TEST_CASE("event: what was encoded is decoded") {
  kv::StoreEvent event = kv::decode_event(kv::encode(example_event()));
  CHECK(kv::encode(event) == kv::encode(example_event()));
  CHECK(event.previous->value == "");
  CHECK(event.refresh);
  kv::StoreEvent removed{.action = kv::EventAction::kDelete, .node = {.key = "/1/d"}};
  removed.node.directory = true;
  CHECK_FALSE(kv::decode_event(kv::encode(removed)).previous);
  CHECK(kv::decode_event(kv::encode(removed)).removes_directory());
}

TEST_CASE("event: bytes that are none are refused") {
  std::string bytes = kv::encode(example_event());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(kv::decode_event(bytes.substr(0, size)), base::Error);
  }
  CHECK_THROWS_AS(kv::decode_event(bytes + "x"), base::Error);
}

}  // namespace
