// Layers that are too large, too deep, damaged or cut short.
#include <doctest/doctest.h>
#include <cstdio>

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/layer_testing.h"
#include "runtime/layer_tree.h"

namespace runtime {

using testing::Compression;
using testing::Entry;
using testing::make_tar;
using testing::Unpacked;

TEST_CASE("sizes have bounds") {
  LayerLimits small;
  small.max_bytes = 1000;
  const std::string big =
      make_tar({{.name = "a", .content = std::string(600, 'x')}, {.name = "b", .content = std::string(600, 'x')}});
  CHECK_THROWS_AS(Unpacked().unpack_bytes(big, small), base::Error);
  LayerLimits few;
  few.max_entries = 2;
  CHECK_THROWS_AS(Unpacked().unpack_bytes(make_tar({{.name = "a"}, {.name = "b"}, {.name = "c"}}), few), base::Error);
  CHECK(Unpacked().refuses({{.name = std::string(5000, 'a'), .content = ""}}));
  CHECK(Unpacked().refuses({{.name = std::string(256, 'a'), .content = ""}}));
  CHECK(Unpacked().refuses({{.name = "l", .type = AE_IFLNK, .content = std::string(4096, 'a')}}));
  std::string deep;
  for (std::size_t i = 1; i < kMaxLayerDepth; ++i) deep += "d/";
  CHECK(Unpacked().refuses({{.name = deep + "d/f", .content = "x"}}));
  // As deep as is allowed can also be removed again.
  Unpacked box;
  box.unpack({{.name = deep + "f", .content = "x"}});
  base::remove_tree_at(box.top.fd(), "layer");
  CHECK_FALSE(base::exists(box.top.path() + "/layer"));
}

TEST_CASE("a file that claims to be huge is refused before a byte of it is written") {
  std::string tar = make_tar({{.name = "f", .content = "x"}});
  // Size field of the ustar header at offset 124, as base-256 (GNU): 2^62 bytes; then the checksum anew.
  tar.replace(124, 12, std::string("\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00", 12));
  tar.replace(148, 8, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  char text[8];
  std::snprintf(text, sizeof(text), "%06o", sum);
  tar.replace(148, 8, std::string(text, 7) + " ");
  Unpacked box;
  CHECK_THROWS_AS(box.unpack_bytes(tar), base::Error);
  CHECK_FALSE((box.has("f") && box.stat_of("f").st_size > 0));
}

TEST_CASE("a decompression bomb is stopped") {
  LayerLimits limits;
  limits.ratio = {.ratio = 100, .floor = 1 << 20};
  const std::vector<Entry> zeros = {{.name = "f", .content = std::string(8 << 20, '\0')}};
  CHECK_THROWS_AS(Unpacked().unpack_bytes(make_tar(zeros, Compression::kGzip), limits), base::Error);
  CHECK_THROWS_AS(Unpacked().unpack_bytes(make_tar(zeros, Compression::kZstd), limits), base::Error);
  CHECK_NOTHROW(Unpacked().unpack_bytes(make_tar(zeros, Compression::kNone), limits));
}

TEST_CASE("a tar may end with its last byte of data, but not before") {
  std::string tar = make_tar({{.name = "a", .content = "first"}, {.name = "b", .content = "the last one"}});
  const std::size_t end = tar.rfind("the last one") + 12;
  Unpacked box;
  const UnpackedLayer result = box.unpack_bytes(tar.substr(0, end));
  CHECK(result.diff_id == "sha256:" + base::sha256_hex(tar.substr(0, end)));
  CHECK(box.read("b") == "the last one");
  for (const std::size_t missing : {1UL, 5UL, 11UL, 12UL, 13UL, 100UL, 511UL}) {
    CAPTURE(missing);
    Unpacked other;
    CHECK_THROWS_AS(other.unpack_bytes(tar.substr(0, end - missing)), base::Error);
  }
}

TEST_CASE("damaged bytes are an error, not a crash") {
  const std::string tar = make_tar({{.name = "a", .content = std::string(5000, 'x')}});
  const std::string gzip = make_tar({{.name = "a", .content = std::string(5000, 'x')}}, Compression::kGzip);
  CHECK_THROWS_AS(Unpacked().unpack_bytes("this is no tar at all, but text"), base::Error);
  CHECK_THROWS_AS(Unpacked().unpack_bytes(tar.substr(0, 2000)), base::Error);
  CHECK_THROWS_AS(Unpacked().unpack_bytes(gzip.substr(0, gzip.size() / 2)), base::Error);
  for (std::size_t i = 0; i < 2048; i += 7) {
    std::string flipped = tar;
    flipped[i % flipped.size()] = static_cast<char>(flipped[i % flipped.size()] ^ 0x41);
    Unpacked box;
    try {
      box.unpack_bytes(flipped);
    } catch (const base::Error&) {
    }
    CHECK(box.outside_untouched());
  }
}

}  // namespace runtime
