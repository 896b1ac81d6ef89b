#pragma once
// A file or a directory tree as a tar, read from a root that may be changing and hostile.

#include <cstdint>
#include <string>

#include "base/fd.h"

namespace runtime {

struct PackOptions {
  bool follow_link = false;     // a symbolic link as `path` itself is followed; those below never are
  std::uint64_t max_bytes = 0;  // of the files together, holes too
};

// Writes what `path` names below `root` (links on the way are followed inside of it) as a tar in the pax format (times
// in nanoseconds, extended attributes) whose first entry is `name`. Opens nothing but regular files and directories.
// Sockets, which no tar can hold, are left out with a line on standard error; then it returns false. At most kPackDepth
// directories deep and kMostCopied entries. A name of a file that has been packed under another one is a link to that;
// once the names to remember have more than kMostLinkedBytes, such files are files of their own. Throws base::Error.
bool pack_tree(const base::Fd& root, const std::string& path, const std::string& name, const base::Fd& output,
               const PackOptions& options);

inline constexpr int kPackDepth = 400;  // each open directory is a descriptor
inline constexpr std::size_t kMostLinkedBytes = std::size_t{64} << 20;

}  // namespace runtime
