// Layers are made with libarchive's writer, entry by entry, so that each says exactly what an attacker's would.
#include "runtime/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "runtime/layer_tree.h"

namespace runtime {
namespace {

struct Entry {
  std::string name;
  mode_t type = AE_IFREG;
  std::string content = {};  // of a file; the target of a link
  bool hard_link = false;
  mode_t mode = 0644;
  dev_t device = 0;
  std::vector<std::pair<std::string, std::string>> xattrs = {};
  int uid = 0;
};

enum class Compression { kNone, kGzip, kZstd };

std::string make_tar(const std::vector<Entry>& entries, Compression compression = Compression::kNone) {
  archive* writer = archive_write_new();
  archive_write_set_format_pax(writer);
  if (compression == Compression::kGzip) archive_write_add_filter_gzip(writer);
  if (compression == Compression::kZstd) archive_write_add_filter_zstd(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  std::string out;
  archive_write_open(
      writer, &out, nullptr,
      [](archive*, void* context, const void* data, std::size_t size) {
        static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  for (const Entry& wanted : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, wanted.name.c_str());
    archive_entry_set_mtime(entry, 1'000'000'000, 0);
    archive_entry_set_uid(entry, wanted.uid);
    if (wanted.hard_link) {
      archive_entry_set_hardlink(entry, wanted.content.c_str());
    } else {
      archive_entry_set_filetype(entry, wanted.type);
      if (wanted.type == AE_IFLNK) archive_entry_set_symlink(entry, wanted.content.c_str());
      if (wanted.type == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(wanted.content.size()));
      archive_entry_set_rdev(entry, wanted.device);
    }
    archive_entry_set_perm(entry, wanted.mode);
    for (const auto& [name, value] : wanted.xattrs) {
      archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
    }
    REQUIRE(archive_write_header(writer, entry) >= ARCHIVE_WARN);
    if (wanted.type == AE_IFREG && !wanted.hard_link) {
      archive_write_data(writer, wanted.content.data(), wanted.content.size());
    }
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

// A directory with the layer in it, and a neighbour that nothing may touch.
class Unpacked {
 public:
  Unpacked() {
    base::make_directory_at(top.fd(), "layer");
    base::make_directory_at(top.fd(), "outside");
    base::write_file_atomic_at(base::open_directory_at(top.fd(), "outside"), "secret", "untouched", 0600);
    layer = base::open_directory_at(top.fd(), "layer");
  }

  UnpackedLayer unpack_bytes(const std::string& bytes, const LayerLimits& limits = {}) {
    base::write_file_atomic_at(top.fd(), "blob", bytes);
    const base::Fd blob = base::open_at(top.fd(), "blob", O_RDONLY);
    return unpack_layer(blob, layer, limits, {});
  }
  UnpackedLayer unpack(const std::vector<Entry>& entries) { return unpack_bytes(make_tar(entries)); }

  // True when it is refused with a base::Error and the neighbour is as it was.
  bool refuses(const std::vector<Entry>& entries) {
    try {
      unpack(entries);
    } catch (const base::Error&) {
      return outside_untouched();
    }
    return false;
  }

  bool outside_untouched() {
    struct stat file{};
    return base::list_directory_at(top.fd()) == std::vector<std::string>{"blob", "layer", "outside"} &&
           base::list_directory_at(top.fd(), "outside") == std::vector<std::string>{"secret"} &&
           base::read_file_at(top.fd(), "outside/secret") == "untouched" &&
           fstatat(top.fd().get(), "outside/secret", &file, 0) == 0 && (file.st_mode & 07777) == 0600 &&
           file.st_nlink == 1 && file.st_uid == geteuid();
  }

  struct stat stat_of(const std::string& name) {
    struct stat status{};
    REQUIRE(fstatat(layer.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0);
    return status;
  }
  bool has(const std::string& name) {
    struct stat status{};
    return fstatat(layer.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  }
  bool is_whiteout(const std::string& name) {
    const struct stat status = stat_of(name);
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
  }
  std::string xattr(const std::string& name, const char* key) {
    char value[256];
    const std::string path = top.path() + "/layer/" + name;
    const ssize_t size = lgetxattr(path.c_str(), key, value, sizeof(value));
    return size < 0 ? "<none>" : std::string(value, static_cast<std::size_t>(size));
  }
  std::string read(const std::string& name) { return base::read_file_at(layer, name); }

  base::TempDir top;
  base::Fd layer;
};

// Owners, devices and trusted attributes need root; the test runner has it, a developer may not.
bool unprivileged() {
  return geteuid() != 0;
}

}  // namespace

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
