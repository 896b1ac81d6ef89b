#pragma once
// What the log of a new cluster begins with, the same on every member: who votes, and the members' peer URLs as
// commands that make them known to the store.

#include <vector>

#include "kv/members.h"
#include "kv/raft_entry.h"

namespace kv {

inline constexpr std::uint64_t kFirstTerm = 1;

// Entries 1 to 1 + members.size(), of kFirstTerm. REQUIRES: no two members have the same id.
std::vector<RaftEntry> first_entries(std::vector<Member> members);

}  // namespace kv
