// What a layer may say and what becomes of it; every known way out of it is closed.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
using testing::unprivileged;

TEST_CASE("a layer becomes the files that it says" * doctest::skip(unprivileged())) {
  Unpacked box;
  const std::vector<Entry> entries = {
      {.name = "./", .type = AE_IFDIR, .mode = 0755},
      {.name = "bin/", .type = AE_IFDIR, .mode = 0711},
      {.name = "bin/app", .content = "program", .mode = 04755, .uid = 1234},
      {.name = "bin/alias", .type = AE_IFLNK, .content = "app"},
      {.name = "bin/copy", .content = "bin/app", .hard_link = true},
      {.name = "dev/null", .type = AE_IFCHR, .mode = 0666, .device = makedev(1, 3)},
      {.name = "run/fifo", .type = AE_IFIFO, .mode = 0600},
      {.name = "/absolute/name", .content = "inside"},
  };
  const std::string tar = make_tar(entries);
  const UnpackedLayer result = box.unpack_bytes(tar);
  CHECK(result.diff_id == "sha256:" + base::sha256_hex(tar));
  CHECK(result.entries == entries.size());
  CHECK(result.bytes == 13);
  CHECK(box.read("bin/app") == "program");
  CHECK(box.read("absolute/name") == "inside");
  CHECK((box.stat_of("bin").st_mode & 07777) == 0711);
  CHECK(box.stat_of("bin").st_mtime == 1'000'000'000);
  const struct stat app = box.stat_of("bin/app");
  CHECK((app.st_mode & 07777) == 04755);
  CHECK(app.st_uid == 1234);
  CHECK(app.st_mtime == 1'000'000'000);
  CHECK(app.st_nlink == 2);
  CHECK(box.stat_of("bin/copy").st_ino == app.st_ino);
  CHECK(S_ISLNK(box.stat_of("bin/alias").st_mode));
  CHECK(box.stat_of("dev/null").st_rdev == makedev(1, 3));
  CHECK(S_ISFIFO(box.stat_of("run/fifo").st_mode));
}

TEST_CASE("gzip and zstd layers have the diff id of their tar") {
  const std::vector<Entry> entries = {{.name = "a", .content = std::string(300000, 'x')}};
  const std::string plain = make_tar(entries);
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    Unpacked box;
    const UnpackedLayer result = box.unpack_bytes(make_tar(entries, compression));
    CHECK(result.diff_id == "sha256:" + base::sha256_hex(plain));
    CHECK(box.read("a").size() == 300000);
  }
}

TEST_CASE("names that are not ASCII keep their bytes") {
  Unpacked box;
  box.unpack({{.name = "caf\xc3\xa9/\xff\xfe", .content = "x"},
              {.name = "\xe2\x82\xac", .type = AE_IFLNK, .content = "caf\xc3\xa9"}});
  CHECK(box.read("caf\xc3\xa9/\xff\xfe") == "x");
  CHECK(box.has("\xe2\x82\xac"));
}

TEST_CASE("an empty layer is a layer") {
  Unpacked box;
  CHECK(box.unpack({}).entries == 0);
  CHECK(box.unpack_bytes("").diff_id == "sha256:" + base::sha256_hex(""));
}

TEST_CASE("'..' in a name is refused, wherever it stands") {
  for (const std::string name : {"../outside/x", "a/../../outside/x", "/../outside/x", "..", "a/.."}) {
    CAPTURE(name);
    CHECK(Unpacked().refuses({{.name = name, .content = "x"}}));
    CHECK(Unpacked().refuses({{.name = name, .type = AE_IFDIR}}));
    CHECK(Unpacked().refuses({{.name = name, .type = AE_IFLNK, .content = "x"}}));
  }
}

TEST_CASE("an absolute name stays inside the layer") {
  Unpacked box;
  box.unpack({{.name = box.top.path() + "/outside/secret", .content = "inside"}});
  CHECK(box.outside_untouched());
  CHECK(box.read(box.top.path().substr(1) + "/outside/secret") == "inside");
}

TEST_CASE("nothing is written through a symbolic link") {
  for (const std::string target : {"../outside", "/", "."}) {
    CAPTURE(target);
    const Entry link{.name = "link", .type = AE_IFLNK, .content = target};
    CHECK(Unpacked().refuses({link, {.name = "link/secret", .content = "overwritten"}}));
    CHECK(Unpacked().refuses({link, {.name = "link/new", .type = AE_IFDIR}}));
    CHECK(Unpacked().refuses({link, {.name = "link/new/deep", .content = "x"}}));
    CHECK(Unpacked().refuses({link, {.name = "link/fifo", .type = AE_IFIFO}}));
    CHECK(Unpacked().refuses({link, {.name = "link/.wh.secret", .content = ""}}));
    CHECK(Unpacked().refuses({link, {.name = "link/.wh..wh..opq", .content = ""}}));
    CHECK(Unpacked().refuses(
        {link, {.name = "file", .content = "x"}, {.name = "link/hard", .content = "file", .hard_link = true}}));
  }
}

TEST_CASE("a directory entry over a symbolic link replaces it: no chmod or chown through it" *
          doctest::skip(unprivileged())) {
  Unpacked box;
  box.unpack({{.name = "link", .type = AE_IFLNK, .content = "../outside"},
              {.name = "link", .type = AE_IFDIR, .mode = 0777, .uid = 99},
              {.name = "link/secret", .content = "inside"},
              {.name = "file", .type = AE_IFLNK, .content = "../outside/secret"},
              {.name = "file", .content = "inside", .mode = 0777, .xattrs = {{"user.x", "y"}}, .uid = 99}});
  CHECK(box.outside_untouched());
  CHECK(box.read("link/secret") == "inside");
  CHECK(box.read("file") == "inside");
  CHECK(box.stat_of("link").st_uid == 99);
}

TEST_CASE("a replaced directory takes its cached handle along") {
  Unpacked box;
  CHECK(box.refuses({{.name = "a", .type = AE_IFDIR},
                     {.name = "a/b", .type = AE_IFDIR},
                     {.name = "a/b/f", .content = "1"},
                     {.name = "a", .type = AE_IFLNK, .content = "../outside"},
                     {.name = "a/b/secret", .content = "2"}}));
  Unpacked other;
  other.unpack({{.name = "a", .type = AE_IFDIR},
                {.name = "a", .content = "file"},
                {.name = "a", .type = AE_IFDIR},
                {.name = "a/x", .content = "new"}});
  CHECK(other.read("a/x") == "new");
}

TEST_CASE("hard links stay inside the layer and follow nothing") {
  const auto hard = [](const std::string& target) {
    return Entry{.name = "hard", .content = target, .hard_link = true};
  };
  CHECK(Unpacked().refuses({hard("../outside/secret")}));
  CHECK(Unpacked().refuses({hard("/etc/passwd")}));
  CHECK(Unpacked().refuses({hard("not-there")}));
  CHECK(Unpacked().refuses({{.name = "d", .type = AE_IFDIR}, hard("d")}));
  CHECK(Unpacked().refuses({hard(".")}));
  CHECK(Unpacked().refuses({{.name = "l", .type = AE_IFLNK, .content = "../outside"}, hard("l/secret")}));
  // To a symbolic link: the link itself gets a second name, not what it points at.
  Unpacked box;
  box.unpack({{.name = "l", .type = AE_IFLNK, .content = "../outside/secret"}, hard("l")});
  CHECK(S_ISLNK(box.stat_of("hard").st_mode));
  CHECK(box.outside_untouched());
  // And writing to that name later replaces it.
  Unpacked again;
  again.unpack(
      {{.name = "l", .type = AE_IFLNK, .content = "../outside/secret"}, hard("l"), {.name = "hard", .content = "x"}});
  CHECK(again.outside_untouched());
  CHECK(again.read("hard") == "x");
}

TEST_CASE("the root of a layer can only be a directory") {
  for (const std::string name : {".", "./", "/", "./."}) {
    CAPTURE(name);
    CHECK(Unpacked().refuses({{.name = name, .type = AE_IFLNK, .content = "../outside"}}));
  }
  CHECK(Unpacked().refuses({{.name = ".", .content = "f", .hard_link = true}}));
}

TEST_CASE("whiteouts become overlayfs' own" * doctest::skip(unprivileged())) {
  Unpacked box;
  box.unpack({{.name = "etc/.wh.gone", .content = ""},
              {.name = "etc/.wh.both", .content = ""},
              {.name = "etc/both", .content = "new"},
              {.name = "etc/other", .content = "new"},
              {.name = "etc/.wh.other", .content = ""},
              {.name = "etc/.wh.dir", .content = ""},
              {.name = "etc/dir", .type = AE_IFDIR},
              {.name = "etc/later", .type = AE_IFDIR},
              {.name = "etc/.wh.later", .content = ""},
              {.name = "etc/.wh.implied", .content = ""},
              {.name = "etc/implied/file", .content = "x"},
              {.name = "opaque/file", .content = "x"},
              {.name = "opaque/.wh..wh..opq", .content = ""},
              {.name = ".wh..wh.plnk/x", .content = "aufs' own"}});
  CHECK(box.is_whiteout("etc/gone"));
  CHECK(box.read("etc/both") == "new");
  CHECK(box.read("etc/other") == "new");
  for (const char* name : {"etc/dir", "etc/later", "etc/implied", "opaque"}) {
    CAPTURE(name);
    CHECK(box.xattr(name, "trusted.overlay.opaque") == "y");
  }
  CHECK(box.xattr("etc", "trusted.overlay.opaque") == "<none>");
  CHECK(box.read("opaque/file") == "x");
  CHECK_FALSE(box.has(".wh..wh.plnk"));
}

TEST_CASE("a whiteout must name something") {
  for (const std::string name : {".wh.", "a/.wh.", ".wh..", ".wh...", "a/.wh...", ".wh.x/y"}) {
    CAPTURE(name);
    CHECK(Unpacked().refuses({{.name = name, .content = ""}}));
  }
}

TEST_CASE("attributes that would speak to the host are dropped" * doctest::skip(unprivileged())) {
  Unpacked box;
  const std::string capability("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  box.unpack({{.name = "f",
               .content = "x",
               .xattrs = {{"user.kept", "1"},
                          {"user.overlay.opaque", "y"},
                          {"trusted.overlay.redirect", "/"},
                          {"security.selinux", "x"},
                          {"security.capability", capability}}}});
  CHECK(box.xattr("f", "user.kept") == "1");
  CHECK(box.xattr("f", "security.capability") == capability);
  CHECK(box.xattr("f", "user.overlay.opaque") == "<none>");
  CHECK(box.xattr("f", "trusted.overlay.redirect") == "<none>");
  CHECK_FALSE(keeps_xattr("trusted.overlay.opaque"));
  CHECK_FALSE(keeps_xattr("system.posix_acl_access"));
}

}  // namespace runtime
