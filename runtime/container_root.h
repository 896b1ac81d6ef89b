#pragma once
// The container's root as its first process makes it: mounts, devices, masks, pivot_root(2); named steps that
// container_init.cc calls in this order. All throw base::Error.

#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/spec.h"

namespace runtime {

// Mounts the root's tree and opens it: on its own place on the host when hooks are to find it there.
base::Fd attach_root(const ContainerSpec& spec, const base::Fd& tree);

// Bind trees came from the parent, in the order of the mounts; the others are made here, owned by our namespaces.
void mount_all(const ContainerSpec& spec, const base::Fd& root, Channel& channel);

// Those that are to be: only now, since mount points and devices had to be made in them.
void make_filesystems_read_only(const ContainerSpec& spec, const base::Fd& root);

void mask_paths(const ContainerSpec& spec, const base::Fd& root);
void make_paths_read_only(const ContainerSpec& spec, const base::Fd& root);

// From here on the host's files are out of reach.
void enter_root(const ContainerSpec& spec, const base::Fd& root);

// As root, since the user may lack the right; not when the root is read-only.
void make_working_directory(const ContainerSpec& spec);

}  // namespace runtime
