#pragma once
// The files of a container as its own root sees and changes them, for `container cp`: whoever enters becomes root of
// the container's user namespace and has no more rights than that one.

#include "base/fd.h"
#include "runtime/lifecycle.h"

namespace runtime {

// Which container, so that nobody starts or removes it meanwhile.
struct ContainerFiles {
  ContainerState state;
  base::Fd lock = {};  // of one that does not run
};

// Throws base::Error for one that is about to start or to end. `writes`: refuses a read-only root.
ContainerFiles hold_files(const Machine& machine, const std::string& container, bool writes);

// In a process of its own, which has no way back. Returns the container's root (O_PATH): of a running one what it sees
// itself, of another its layers, mounted for this process alone, with its volumes. Throws base::Error.
base::Fd enter_files(const Machine& machine, const ContainerFiles& files);

}  // namespace runtime
