#include "runtime/attach_wire.h"

#include <doctest/doctest.h>

namespace runtime {
using Kind = AttachMessage::Kind;

TEST_CASE("golden bytes of the attach messages") {
  CHECK(attach_packet({.kind = Kind::kInput, .data = "ls\r"}) == "Ils\r");
  CHECK(attach_packet({.kind = Kind::kEnd}) == "E");
  CHECK(attach_packet({.kind = Kind::kSize, .rows = 24, .columns = 300}) == std::string("R\x18\0\x2c\x01", 5));
  CHECK(attach_packet({.kind = Kind::kSignal, .number = 15}) == "S\x0f");
  CHECK(attach_packet({.kind = Kind::kOutput, .data = "x"}) == "Ox");
  CHECK(attach_packet({.kind = Kind::kErrorOutput, .data = "y"}) == "Xy");
  CHECK(attach_packet({.kind = Kind::kTaken}) == "A");
  CHECK(attach_packet({.kind = Kind::kExit, .number = 137}) == "Q\x89");
  CHECK(attach_packet({.kind = Kind::kRefused, .data = "full", .number = 125}) ==
        "F\x7d"
        "full");
}

TEST_CASE("an attach message survives its packet") {
  for (const AttachMessage& message :
       {AttachMessage{.kind = Kind::kInput, .data = "a"}, AttachMessage{.kind = Kind::kEnd},
        AttachMessage{.kind = Kind::kSize, .rows = 65535, .columns = 1},
        AttachMessage{.kind = Kind::kSignal, .number = 9},
        AttachMessage{.kind = Kind::kRefused, .data = "", .number = 1}}) {
    std::string packet = attach_packet(message);
    CHECK(parse_attach_packet(packet) == message);
  }
}

TEST_CASE("packets that are no attach messages") {
  const std::string long_input = "I" + std::string(kAttachData + 1, 'x');
  for (std::string_view wrong :
       {std::string_view(""), std::string_view("I"), std::string_view("R\1\1\1"), std::string_view("R\1\1\1\1\1"),
        std::string_view("S"), std::string_view("S\1\1"), std::string_view("Ex"), std::string_view("A\n"),
        std::string_view("z"), std::string_view("F"), std::string_view(long_input)}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_attach_packet(wrong));
  }
}

}  // namespace runtime
