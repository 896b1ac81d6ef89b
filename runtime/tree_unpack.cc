// Two parts: Unpacker reads the tar and decides, by its first entry, what the destination means; TreeWriter
// (tree_writer.h) makes the files. The tar is read in a process that may do no more than its destination's root.

#include "runtime/tree_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "runtime/tree_writer.h"

namespace runtime {
namespace {

// What the destination is before anything is copied.
enum class There { kNothing, kDirectory, kOther };

There look_at(const base::Fd& root, const std::string& path) {
  base::Fd found = find_below(root, path, O_PATH, Links::kFollow);
  if (!found) return There::kNothing;
  struct stat status = {};
  base::check(fstat(found.get(), &status), "stat", path);
  return S_ISDIR(status.st_mode) ? There::kDirectory : There::kOther;
}

class Unpacker {
 public:
  Unpacker(const base::Fd& root, const std::string& path, const UnpackOptions& options)
      : root_(root), path_(path), options_(options), reader_(archive_read_new()) {
    if (reader_ == nullptr) throw base::Error("copy", "", "out of memory");
  }
  ~Unpacker() { archive_read_free(reader_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  bool run(const base::Fd& input) {
    archive_read_support_format_tar(reader_);
    archive_read_support_format_empty(reader_);
    if (is_stream()) {
      archive_read_support_filter_gzip(reader_);
      archive_read_support_filter_bzip2(reader_);
      archive_read_support_filter_xz(reader_);
      archive_read_support_filter_zstd(reader_);
      place_stream();
    }
    require(archive_read_open_fd(reader_, input.get(), 64 * 1024));
    archive_entry* entry = nullptr;
    std::uint64_t entries = 0;
    for (;;) {
      int result = archive_read_next_header(reader_, &entry);
      if (result == ARCHIVE_EOF) break;
      require(result);
      if (++entries > kMostCopied) {
        throw base::Error("read the tar", "", "more than " + std::to_string(kMostCopied) + " entries");
      }
      unpack(entry);
    }
    if (writer_) complete_ = writer_->finish() && complete_;
    return complete_;
  }

 private:
  bool is_stream() const { return options_.source.name.empty(); }

  void require(int result) {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    const char* text = archive_error_string(reader_);
    throw base::Error("read the tar", "", text == nullptr ? "it is damaged" : text);
  }

  void place_stream() {
    if (look_at(root_, path_) != There::kDirectory) throw base::Error("copy to", path_, "it is no directory");
    write_below(path_);
  }

  // What a link at the destination leads to is written in its place.
  base::Fd target_of_link() const {
    base::Fd itself = find_below(root_, path_, O_PATH | O_NOFOLLOW, Links::kFollow);
    struct stat status = {};
    if (!itself || fstat(itself.get(), &status) < 0 || !S_ISLNK(status.st_mode)) return {};
    return find_below(root_, path_, O_PATH, Links::kFollow);
  }

  // Docker's rules. The entries go below `base`, the first component of their names becoming `top`.
  void place(bool directory) {
    There there = look_at(root_, path_);
    if (there == There::kDirectory) {
      if (!options_.source.contents) top_ = options_.source.name;
      return write_below(path_);
    }
    if (there == There::kOther) {
      if (directory) throw base::Error("copy to", path_, "it is a file, and the source is a directory");
      if (path_.ends_with('/')) throw base::Error("copy to", path_, "it is no directory");
      in_place_ = target_of_link();
    } else if (!directory && names_a_directory(path_)) {
      throw base::Error("copy to", path_, "there is no such directory");
    }
    Destination destination = split_destination(path_);
    top_ = destination.name;
    if (look_at(root_, destination.parent) != There::kDirectory) {
      throw base::Error("copy to", path_, "there is no such directory");
    }
    write_below(destination.parent);
  }

  void write_below(const std::string& base) {
    bool fixed = options_.links == Links::kRefuse;
    if (fixed) base_ = find_below(root_, base, O_PATH | O_DIRECTORY, Links::kFollow);
    writer_.emplace(fixed ? base_ : root_, fixed ? "" : base, options_.links, options_.keep_owners, options_.max_bytes);
  }

  // Where an entry goes, relative to the writer's base.
  std::vector<std::string> placed(const std::string& name) const {
    std::vector<std::string> parts = archived_path(name);
    if (is_stream()) return parts;
    if (!options_.source.contents && !parts.empty()) parts.erase(parts.begin());
    if (!top_.empty()) parts.insert(parts.begin(), top_);
    return parts;
  }

  void unpack(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) throw base::Error("read the tar", "", "an entry has no name");
    if (!writer_) place(archive_entry_filetype(entry) == AE_IFDIR);
    std::vector<std::string> path = placed(name);
    if (path.empty()) return;  // the destination itself, which is there
    FileAttributes attributes{
        .mode = archive_entry_perm(entry) & 07777,
        .uid = archive_entry_uid(entry),
        .gid = archive_entry_gid(entry),
        .modified = {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)},
        .extended = attributes_of_entry(entry, "copy", name)};
    if (const char* target = archive_entry_hardlink(entry)) return writer_->make_hard_link(path, placed(target));
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return writer_->make_file(path, attributes, std::exchange(in_place_, base::Fd()), reader_);
      case AE_IFDIR:
        return writer_->make_directory(path, attributes);
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(entry);
        return writer_->make_symlink(path, target == nullptr ? "" : target, attributes);
      }
      case AE_IFIFO:
        return writer_->make_fifo(path, attributes);
      default:
        std::fprintf(stderr, "cp: %s: a device is left out\n", name);
        complete_ = false;
    }
  }

  const base::Fd& root_;
  const std::string& path_;
  const UnpackOptions& options_;
  archive* reader_;
  base::Fd base_, in_place_;
  std::string top_;
  std::optional<TreeWriter> writer_;
  bool complete_ = true;
};

}  // namespace

bool unpack_tree(const base::Fd& input, const base::Fd& root, const std::string& path, const UnpackOptions& options) {
  return Unpacker(root, path, options).run(input);
}

}  // namespace runtime
