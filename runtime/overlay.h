#pragma once
// The root file system of a container: its image's layers below a writable directory (Documentation/filesystems/
// overlayfs.rst), with owners shifted to the container's ids by id-mapped mounts of the layers, so that nothing on the
// disk is chowned or copied.

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

// A detached mount. `user_namespace`: null for unshifted owners. REQUIRES: a private mount namespace, root, the upper
// and work directories owned by the container's root.
base::Fd mount_overlay(const RootFilesystem& root, const base::Fd* user_namespace);

}  // namespace runtime
