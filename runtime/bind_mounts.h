#pragma once
// The outside's part in binds: what a container is to see of this machine is opened, restricted and id-mapped here,
// with the host's privilege, and handed over as detached trees.

#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/spec.h"

namespace runtime {

// One bind's source: a tree, or for "copy-symlink" what the link says.
struct BindSource {
  base::Fd tree;
  std::string link;
};

// Those of all binds, in the order of the mounts. To be called while our mounts are the host's or still peers of them,
// so that "rshared" means the host. Throws base::Error.
std::vector<BindSource> open_bind_sources(const ContainerSpec& spec);

// Id-maps a bind's tree where that is asked for. `user_namespace`: the container's, may be invalid.
void map_bind_owners(const Mount& mount, const base::Fd& tree, const base::Fd& user_namespace);

// Id-maps them where that is asked for, and sends them. `user_namespace`: the container's, may be invalid.
void send_binds(const ContainerSpec& spec, const std::vector<BindSource>& sources, const base::Fd& user_namespace,
                Channel& channel);

}  // namespace runtime
