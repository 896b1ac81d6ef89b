// Each entry is opened with O_PATH and looked at first: only a regular file or a directory is then opened for reading,
// by that descriptor and not by its name, so that nobody can put a device or a fifo in its place meanwhile. A file that
// shrinks while it is read ends in zeros, since its header has been written.

#include "runtime/tree_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <format>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "runtime/copy_path.h"
#include "runtime/extended_attributes.h"
#include "runtime/mount_api.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

constexpr std::size_t kMostNames = 1000000;  // in one directory
constexpr std::size_t kBuffer = 128 * 1024;  // bytes
constexpr std::size_t kLinkedNode = 96;      // bytes of a map's node beside its text, at least

class Packer {
 public:
  Packer(const base::Fd& output, std::uint64_t max_bytes)
      : max_bytes_(max_bytes), writer_(archive_write_new()), entry_(archive_entry_new()) {
    if (writer_ == nullptr || entry_ == nullptr) throw base::Error("copy", "", "out of memory");
    archive_write_set_format_pax(writer_);
    require(archive_write_set_format_option(writer_, "pax", "xattrheader", "SCHILY"), "");  // GNU tar's, and Docker's
    archive_write_set_bytes_in_last_block(writer_, 1);
    require(archive_write_open_fd(writer_, output.get()), "");
  }
  ~Packer() {
    archive_entry_free(entry_);
    archive_write_free(writer_);
  }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void pack(const base::Fd& node, const std::string& name, int depth) {
    struct stat status = {};
    base::check(fstat(node.get(), &status), "stat", name);
    if (++entries_ > kMostCopied) throw base::Error("copy", name, std::format("more than {} entries", kMostCopied));
    switch (status.st_mode & S_IFMT) {
      case S_IFREG:
        return pack_file(node, name, status);
      case S_IFDIR:
        return pack_directory(node, name, status, depth);
      case S_IFLNK:
        return pack_link(node, name, status);
      case S_IFSOCK:
        std::fprintf(stderr, "cp: %s: a socket is left out\n", name.c_str());
        complete_ = false;
        return;
      default:
        begin(name, status);
        require(archive_write_header(writer_, entry_), name);
    }
  }

  bool finish() {
    require(archive_write_close(writer_), "");
    return complete_;
  }

 private:
  void require(int result, const std::string& name) {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    if (archive_errno(writer_) > 0) throw base::Error("write the tar", name, archive_errno(writer_));
    const char* text = archive_error_string(writer_);
    throw base::Error("write the tar", name, text == nullptr ? "unknown" : text);
  }

  void begin(const std::string& name, const struct stat& status) {
    archive_entry_clear(entry_);
    archive_entry_copy_stat(entry_, &status);
    archive_entry_unset_atime(entry_);
    archive_entry_unset_ctime(entry_);
    archive_entry_set_nlink(entry_, 1);
    archive_entry_set_pathname(entry_, name.c_str());
    if (!S_ISREG(status.st_mode)) archive_entry_set_size(entry_, 0);
  }

  // True when the file is there already under another name: then this one is a link to it.
  bool pack_as_link(const std::string& name, const struct stat& status) {
    if (status.st_nlink < 2) return false;
    auto found = linked_.find({status.st_dev, status.st_ino});
    if (found == linked_.end()) {
      if (linked_bytes_ < kMostLinkedBytes) {
        linked_.emplace(std::pair(status.st_dev, status.st_ino), name);
        linked_bytes_ += name.size() + kLinkedNode;
      }
      return false;
    }
    begin(name, status);
    archive_entry_set_size(entry_, 0);
    archive_entry_set_hardlink(entry_, found->second.c_str());
    require(archive_write_header(writer_, entry_), name);
    return true;
  }

  void pack_file(const base::Fd& node, const std::string& name, const struct stat& status) {
    if (pack_as_link(name, status)) return;
    auto left = static_cast<std::uint64_t>(status.st_size);
    if (left > max_bytes_ - bytes_) throw_too_large(name, max_bytes_);
    bytes_ += left;
    base::Fd file = base::open_file(proc_path(node), O_RDONLY | O_NOCTTY);
    begin(name, status);
    add_to_entry(entry_, read_attributes(node, name));
    require(archive_write_header(writer_, entry_), name);
    std::vector<char> buffer(kBuffer);
    while (left > 0) {
      ssize_t length = read(file.get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      if (length < 0 && errno == EINTR) continue;
      base::check(length, "read", name);
      if (length == 0) break;  // libarchive fills up with zeros
      la_ssize_t written = archive_write_data(writer_, buffer.data(), static_cast<std::size_t>(length));
      if (written < 0) require(static_cast<int>(written), name);
      left -= static_cast<std::uint64_t>(length);
    }
    require(archive_write_finish_entry(writer_), name);
  }

  void pack_link(const base::Fd& node, const std::string& name, const struct stat& status) {
    std::string target(PATH_MAX, '\0');
    ssize_t length = base::check(readlinkat(node.get(), "", target.data(), target.size()), "read link", name);
    target.resize(static_cast<std::size_t>(length));
    begin(name, status);
    archive_entry_set_symlink(entry_, target.c_str());
    require(archive_write_header(writer_, entry_), name);
  }

  void pack_directory(const base::Fd& node, const std::string& name, const struct stat& status, int depth) {
    if (depth > kPackDepth || name.size() >= PATH_MAX) {
      throw base::Error("copy", name.substr(0, 60) + "…",
                        "deeper than " + std::to_string(kPackDepth) + " directories, or longer than 4095 bytes");
    }
    begin(name, status);
    add_to_entry(entry_, read_attributes(node, name));
    require(archive_write_header(writer_, entry_), name);
    base::Fd directory = base::open_directory_at(node, ".");
    for (const std::string& child : base::list_directory_at(directory, ".", kMostNames)) {
      base::Fd found(openat(directory.get(), child.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!found && errno == ENOENT) continue;  // it went meanwhile
      base::check(found.get(), "open", name + "/" + child);
      pack(found, name + "/" + child, depth + 1);
    }
  }

  std::uint64_t max_bytes_;
  archive* writer_;
  archive_entry* entry_;
  std::uint64_t bytes_ = 0, entries_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // files with several names, the first of them
  std::size_t linked_bytes_ = 0;
  bool complete_ = true;
};

}  // namespace

bool pack_tree(const base::Fd& root, const std::string& path, const std::string& name, const base::Fd& output,
               const PackOptions& options) {
  base::Fd top = find_below(root, path, O_PATH | (options.follow_link ? 0 : O_NOFOLLOW), Links::kFollow);
  if (!top) throw base::Error("copy", path, "there is no such file or directory");
  Packer packer(output, options.max_bytes);
  packer.pack(top, name, 0);
  return packer.finish();
}

}  // namespace runtime
