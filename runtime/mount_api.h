#pragma once
// The kernel's mount calls on file descriptors (fsopen(2), open_tree(2), mount_setattr(2), move_mount(2)), checked.
// A mount made here is detached: nobody sees it before attach(), and it goes with its last descriptor.
// All throw base::Error.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace runtime {

// A parameter of a file system; an empty value is a flag.
using MountParameter = std::pair<std::string, std::string>;

// A new instance of a file system. `attributes` are MOUNT_ATTR_* flags.
base::Fd new_filesystem(const std::string& type, const std::vector<MountParameter>& parameters,
                        std::uint64_t attributes);

// A detached copy of the mount at `path`; `recursive` takes the mounts below along. Without `follow` a link is taken
// itself.
base::Fd clone_tree(const std::string& path, bool recursive, bool follow = true);
base::Fd clone_tree_at(const base::Fd& at, bool recursive);

// Sets and clears MOUNT_ATTR_* flags, of a tree or of what is mounted at an open place. One of the three ways to keep
// access times is set by clearing MOUNT_ATTR__ATIME with it.
void change_attributes(const base::Fd& tree, std::uint64_t set, std::uint64_t clear, bool recursive,
                       const std::string& what);

// MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC for the mounts below, too (mount_namespaces(7)).
void change_propagation(const base::Fd& tree, std::uint64_t propagation, const std::string& what);

// Maps owners on a detached tree as the user namespace does: what is 0 on the disk is 0 inside.
void map_ids(const base::Fd& tree, const base::Fd& user_namespace, bool recursive, const std::string& what);

// Mounts a detached tree on an open file or directory (O_PATH is enough).
void attach(const base::Fd& tree, const base::Fd& target, const std::string& what);

// Takes an attached mount away (MNT_DETACH); `tree` and clones of it stay usable. REQUIRES: /proc is mounted.
void detach(const base::Fd& tree, const std::string& what);

// openat2(2) that stays below `root`: symbolic links are followed inside of it (or refused), magic links never.
// Returns an invalid Fd when there is nothing there.
enum class Links { kFollow, kRefuse };
base::Fd find_below(const base::Fd& root, const std::string& path, int flags, Links links);

// The directory or file `path` below `root`, made when it is not there (with its parents, mode 0755), opened O_PATH.
base::Fd make_below(const base::Fd& root, const std::string& path, bool directory, Links links);

}  // namespace runtime
