#pragma once
// Who makes up the cluster that a member begins or joins, by the rules of etcd 3.4 (etcdserver/server.go, config.go,
// pkg/srv). Asked once in a member's life, before it has data: later the store knows.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kv/bootstrap_network.h"
#include "kv/kvd_options.h"
#include "kv/members.h"

namespace kv {

struct ClusterPlan {
  std::vector<Member> members = {};  // sorted by id; their client URLs are known only in an existing cluster
  std::uint64_t own_id = 0;
  std::uint64_t cluster_id = 0;
  bool existing = false;  // the cluster is there; this member was added to it before

  bool operator==(const ClusterPlan&) const = default;
};

// By options: the list given, the SRV records, the discovery URL (waits until all are there), or, for an existing
// cluster, what one of its members says. A cluster that was to be made and runs already is one that exists, in which
// this member has a new id. Throws base::UsageError when the options cannot be right (this member is not in the list,
// its URLs differ, a URL stands twice), base::Error when the network does not tell, and when this member has run
// before: it would forget its votes.
//
// REQUIRES: initial_advertise_peer_urls is not empty. Without, a member is alone and its ids are drawn by lot.
ClusterPlan plan_cluster(const KvdOptions& options, BootstrapNetwork& network);

// A cluster that begins with these members. The ids come from the URLs and the token alone, so all find the same.
ClusterPlan plan_new_cluster(const KvdOptions& options, const std::vector<InitialMember>& members,
                             const std::string& token, BootstrapNetwork& network);

// The members that the domain's SRV records name. Which one is this member is told by its URLs' addresses; the names of
// the others are numbers.
std::vector<InitialMember> members_from_srv(const KvdOptions& options, BootstrapNetwork& network);

// Of all members that the options (or DNS) name but this one. None with a discovery URL.
std::vector<std::string> peer_urls_of_others(const KvdOptions& options, BootstrapNetwork& network);

// The member of the plan with this one's peer URLs.
std::optional<Member> find_self(const KvdOptions& options, const ClusterPlan& plan, BootstrapNetwork& network);

// GET /members at the peer URLs in turn. Throws base::Error when none answers.
ClusterPlan fetch_cluster(const std::vector<std::string>& peer_urls, BootstrapNetwork& network);

}  // namespace kv
