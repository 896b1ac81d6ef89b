#pragma once
// A member's first start: makes its log, with its identity and, in a new cluster, with what all members begin with.

#include <vector>

#include "base/random.h"
#include "kv/kvd_options.h"
#include "kv/members.h"
#include "kv/raft_entry.h"
#include "kv/storage.h"

namespace kv {

// Makes the log unless there is one. A member alone without peer URLs draws its ids by lot; else they follow from the
// options (bootstrap_cluster.h), which may ask the network and wait. Throws base::Error.
void make_member_log(Storage& storage, const KvdOptions& options, base::Random& random);

// Whom to talk to before the store says it: the members of a new cluster from its first entries; nobody where the log
// begins later.
std::vector<Member> members_in_first_entries(const std::vector<RaftEntry>& entries);

// The same for a member that was added to a running cluster and has nothing yet: asks the others.
std::vector<Member> members_of_existing_cluster(const KvdOptions& options);

}  // namespace kv
