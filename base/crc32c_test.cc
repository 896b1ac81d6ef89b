#include "base/crc32c.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("crc32c: the vectors of RFC 3720, B.4") {
  CHECK(base::crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(base::crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  std::string rising;
  for (char i = 0; i < 32; ++i) rising += i;
  CHECK(base::crc32c(rising) == 0x46dd794e);
  CHECK(base::crc32c("123456789") == 0xe3069283);
  CHECK(base::crc32c("") == 0);
}

TEST_CASE("crc32c: a text in two parts has the checksum of the whole") {
  CHECK(base::crc32c("56789", base::crc32c("1234")) == base::crc32c("123456789"));
}
