#pragma once
// The client of etcd's discovery protocol (Documentation/v2/discovery_protocol.md): members that know a URL find each
// other there, in any etcd v2. The first N that register, by the index at which they were created, are the cluster.

#include <vector>

#include "kv/bootstrap_network.h"
#include "kv/kvd_options.h"

namespace kv {

// Registers this member and waits, for ever if need be, until all are there. A service that does not answer or fails is
// asked again after 2, 4, … 256 s. Throws base::Error when the cluster is full without this member, when its id is
// taken, and when what stands at the URL is no such cluster.
std::vector<InitialMember> join_by_discovery(const KvdOptions& options, BootstrapNetwork& network);

}  // namespace kv
