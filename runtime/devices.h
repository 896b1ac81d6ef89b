#pragma once
// The nodes of a container's /dev. Where there is a user namespace mknod(2) is not allowed, so they are the host's own,
// bound. Without one the container's root could change the owner and mode of those, so it gets nodes of its own.

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

// /dev/NAME of the host, opened O_PATH and seen to be a character device ("null": that one, since it also masks files;
// CVE-2025-31133). Throws base::Error.
base::Fd host_device(const char* name);

// Puts the standard nodes and links into the container's /dev, when that is a file system of its own (never into the
// image's directory, and never into a bind of the host's), and those of linux.devices where they are asked for.
// Without a user namespace these are made, with their mode and owner; with one, they are the host's nodes of the same
// name and number, as they are. REQUIRES: the host's root is still there. Throws base::Error.
void make_devices(const ContainerSpec& spec, const base::Fd& root);

}  // namespace runtime
