#pragma once
// For the tests of layers: tars made with libarchive's writer, entry by entry, so that each says exactly what an
// attacker's would, and a directory to unpack them into beside one that nothing may touch.

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "runtime/layer.h"

namespace runtime::testing {

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

inline std::string make_tar(const std::vector<Entry>& entries, Compression compression = Compression::kNone) {
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
inline bool unprivileged() {
  return geteuid() != 0;
}

}  // namespace runtime::testing
