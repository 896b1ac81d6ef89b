#include "kv/member_log.h"

#include "base/log.h"
#include "kv/bootstrap_cluster.h"
#include "kv/first_entries.h"
#include "kv/proposal_entry.h"
#include "kv/wal.h"

namespace kv {

void make_member_log(Storage& storage, const KvdOptions& options, base::Random& random) {
  if (Wal::exists(storage)) return;
  ClusterPlan plan;
  if (options.initial_advertise_peer_urls.empty()) {
    plan.own_id = member_id({}, random.hex_string(16));
    plan.cluster_id = cluster_id({plan.own_id});
    plan.members = {{.id = plan.own_id}};
  } else {
    plan = plan_cluster(options, *system_bootstrap_network(options));
  }
  LogContent content;
  if (plan.existing) {
    base::log_info("joining cluster {} as member {}", id_text(plan.cluster_id), id_text(plan.own_id));
  } else {
    content.state = {kFirstTerm, 0};
    content.entries = first_entries(plan.members);
  }
  Wal::create(storage, {plan.cluster_id, plan.own_id}, random, {}, content);
}

std::vector<Member> members_in_first_entries(const std::vector<RaftEntry>& entries) {
  std::vector<Member> members;
  if (entries.empty() || entries.front().index != 1) return members;
  for (std::size_t i = 1; i < entries.size() && entries[i].kind == EntryKind::kCommand; ++i) {
    const Command command = decode_command(decode_proposal_entry(entries[i].bytes()).command);
    const std::string_view suffix = "/raftAttributes";
    if (command.operation != Operation::kCreate || !command.key.ends_with(suffix)) break;
    auto id = member_id_of_key(std::string_view(command.key).substr(0, command.key.size() - suffix.size()));
    if (!id) break;
    members.push_back({.id = *id, .peer_urls = peer_urls_of(command.value)});
  }
  return members;
}

std::vector<Member> members_of_existing_cluster(const KvdOptions& options) {
  const auto network = system_bootstrap_network(options);
  return fetch_cluster(peer_urls_of_others(options, *network), *network).members;
}

}  // namespace kv
