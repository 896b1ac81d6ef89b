#pragma once
// Makes files below a directory whose contents somebody else may be changing: each name's parent is found again with
// openat2(2), and nothing is ever opened through a link at the name itself.

#include <archive.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "runtime/extended_attributes.h"
#include "runtime/mount_api.h"

namespace runtime {

struct FileAttributes {
  std::uint32_t mode = 0;  // permission bits
  std::int64_t uid = 0, gid = 0;
  timespec modified = {};
  ExtendedAttributes extended = {};
};

class TreeWriter {
 public:
  using Path = std::vector<std::string>;  // components, none of them "." or ".."

  // Everything goes below `prefix` in `root`, both of which must live as long. `links`: those on the way. `max_bytes`:
  // of all files together.
  TreeWriter(const base::Fd& root, std::string prefix, Links links, bool keep_owners, std::uint64_t max_bytes)
      : root_(root),
        prefix_(std::move(prefix)),
        links_(links),
        keep_owners_(keep_owners),
        max_bytes_(max_bytes),
        left_(max_bytes) {}

  // The data are those of `reader`'s entry. `in_place`: when valid, the open file that gets them (O_PATH is enough).
  void make_file(const Path& path, const FileAttributes& attributes, const base::Fd& in_place, archive* reader);
  void make_directory(const Path& path, const FileAttributes& attributes);
  void make_symlink(const Path& path, const std::string& target, const FileAttributes& attributes);
  // A copy, where the two are on file systems that cannot link them.
  void make_hard_link(const Path& path, const Path& target);
  void make_fifo(const Path& path, const FileAttributes& attributes);

  // Gives the directories that were made their attributes, which the files in them would have changed. False when
  // extended attributes were left out, which has been said.
  bool finish();

 private:
  std::string full(const Path& path, std::size_t length) const;
  const base::Fd& parent_of(const Path& path);
  void put(const base::Fd& parent, const std::string& temporary, const Path& path);
  void set_attributes(const base::Fd& node, const FileAttributes& attributes, const std::string& what) const;
  void set_extended(const base::Fd& node, const ExtendedAttributes& attributes, const std::string& what);
  void write_data(archive* reader, const base::Fd& file, const std::string& what);
  void write(const base::Fd& file, std::string_view data, off_t& end, const std::string& what);
  void copy_file(const base::Fd& directory, const Path& target, const std::string& temporary, const std::string& what);
  void write_in_place(const base::Fd& node, archive* reader, const std::string& what);

  struct Made {
    Path path;
    FileAttributes attributes;
  };

  const base::Fd& root_;
  std::string prefix_;
  Links links_;
  bool keep_owners_;
  std::uint64_t max_bytes_, left_;
  bool complete_ = true;
  std::string parent_path_;  // of parent_
  base::Fd parent_;
  std::vector<Made> directories_;
};

}  // namespace runtime
