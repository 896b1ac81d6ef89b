#pragma once
// A member whose data are damaged or gone comes back as a new one: an operator makes room for it
// (`kvctl member replace NAME`), and it sees that when it is started again. Never under its old id, which may have
// voted and holds what was answered.

#include <string>

#include "kv/bootstrap_network.h"
#include "kv/kvd_options.h"

namespace kv {

// What a message that names this member's trouble ends with.
std::string rejoin_advice(const KvdOptions& options);

// `damage`: why the data cannot be used. When the running cluster has a new member in this one's place that never
// started, the data are moved into DATA-DIR/damaged-<UTC time>, so that the next start joins as that one. Else throws
// base::Error with `damage` and what to do.
void make_way_for_new_member(const KvdOptions& options, const std::string& damage, BootstrapNetwork& network);

}  // namespace kv
