#include "base/digest.h"

#include <doctest/doctest.h>

namespace base {
namespace {

TEST_CASE("hashes of the standards' own examples") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  CHECK(sha1_hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  CHECK(hash.hex_digest() == sha256_hex("abc"));
}

TEST_CASE("base64 of RFC 4648") {
  for (const auto& [plain, encoded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"foobar", "Zm9vYmFy"}}) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == plain);
  }
  CHECK(base64_decode("Zm9v\nYmFy\n") == "foobar");
  for (const char* bad : {"Z", "Zg=", "Zg==Zg==", "=", "Z===", "Zm9!"}) {
    CAPTURE(bad);
    CHECK_FALSE(base64_decode(bad));
  }
}

TEST_CASE("hexadecimal") {
  CHECK(hex(std::string_view("\0\xff", 2)) == "00ff");
  CHECK(unhex("00fF") == std::string("\0\xff", 2));
  CHECK_FALSE(unhex("0"));
  CHECK_FALSE(unhex("0g"));
}

}  // namespace
}  // namespace base
