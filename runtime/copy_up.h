#pragma once
// "tmpcopyup": a new file system is filled with what it is going to hide.

#include <string>

#include "base/fd.h"

namespace runtime {

// Copies the directory `from` (O_PATH is enough) into the root of the detached mount `to`: directories, files, links
// and special files with mode, owner and extended attributes; `to` itself gets those of `from`. Links are never
// followed. Throws base::Error, also for trees deeper than 100 directories; `what` is for messages.
void copy_tree(const base::Fd& from, const base::Fd& to, const std::string& what);

}  // namespace runtime
