#pragma once
// A tar into a directory tree that may be changing and hostile, with Docker's rules for what the destination means
// (docker-cp(1)).

#include <string>

#include "base/fd.h"
#include "runtime/copy_path.h"
#include "runtime/mount_api.h"

namespace runtime {

struct UnpackOptions {
  // Owners, and the setuid and setgid bits, as in the tar. Otherwise all belongs to the caller, without these bits.
  bool keep_owners = false;
  // Links below the destination: followed inside of `root`, or refused.
  Links links = Links::kRefuse;
  // What the tar holds when it is one of pack_tree(): its first entry has this name. Empty name: a tar of anybody's,
  // whose entries go into `path`, which must be a directory.
  CopiedName source = {};
  std::uint64_t max_bytes = 0;  // of the files together, holes too
};

// Unpacks into `path` below `root`, links on the way to it followed inside of `root`. Never leaves `root`, makes no
// device (a line on standard error, and false is returned), and follows no link of the tar. The same for an extended
// attribute that the destination does not take. A file takes its place only when it is whole. Runs of zeros become
// holes. Directories that are there keep their attributes. An empty tar of pack_tree(), whose maker failed, is no
// error. Throws base::Error.
bool unpack_tree(const base::Fd& input, const base::Fd& root, const std::string& path, const UnpackOptions& options);

}  // namespace runtime
