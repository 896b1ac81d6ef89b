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
  other[1] = 18;
  CHECK_THROWS_AS(kv::decode_command(other), base::Error);
  other = bytes;
  other[2] = 16;
  CHECK_THROWS_AS(kv::decode_command(other), base::Error);
}

}  // namespace
