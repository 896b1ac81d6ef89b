#pragma once
// A file or a directory tree as a tar, read from a root that may be changing and hostile.

#include <string>

#include "base/fd.h"

namespace runtime {

struct PackOptions {
  bool follow_link = false;  // a symbolic link as `path` itself is followed; those below never are
};

// Writes what `path` names below `root` (links on the way are followed inside of it) as a GNU tar whose first entry is
// `name`. Opens nothing but regular files and directories. Sockets, which no tar can hold, are left out with a line on
// standard error; then it returns false. At most kPackDepth directories deep. No extended attributes; a hard link is a
// file of its own. Throws base::Error.
bool pack_tree(const base::Fd& root, const std::string& path, const std::string& name, const base::Fd& output,
               const PackOptions& options);

inline constexpr int kPackDepth = 400;  // each open directory is a descriptor

}  // namespace runtime
