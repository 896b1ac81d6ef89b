// Members that come and go: the state above says who is to be in the cluster, the leader brings Raft's configuration
// there, one server at a time. A new one comes as a learner and becomes a voter when it has caught up, so that it never
// counts in a majority that it cannot help.

#include <algorithm>

#include "base/log.h"
#include "kv/raft_engine.h"

namespace kv {

namespace {
constexpr std::uint64_t kCaughtUp = 100;          // entries that a new voter may lack
constexpr std::uint64_t kTransferPauseMs = 1000;  // between attempts to give the leadership away
}  // namespace

std::optional<RaftConfiguration> RaftEngine::next_configuration() const {
  RaftConfiguration next = core_.configuration();
  auto wanted = [this](const RaftServer& server) { return std::ranges::find(desired_, server.id) != desired_.end(); };
  for (RaftServer& server : next) {
    if (server.voter || !wanted(server)) continue;
    const std::uint64_t match = core_.match_index(server.id);
    if (match == 0 || match + kCaughtUp < cache_.last_index()) continue;
    // One that needs our state would get the entry that makes it a voter late, and until then gives nobody its vote.
    if (offered_.contains(server.id) || senders_.busy(server.id) || match + 1 < cache_.first_index()) continue;
    server.voter = true;
    return next;
  }
  for (std::uint64_t id : desired_) {
    if (std::ranges::find(next, id, &RaftServer::id) != next.end()) continue;
    next.push_back({id, false});
    return next;
  }
  // Of several, the one that lags most: it may be dead, and the others' votes may be needed to let them go as well.
  auto rank = [this](const RaftServer& server) {
    return server.id == options_.member_id ? UINT64_MAX : core_.match_index(server.id);
  };
  auto going = next.end();
  for (auto server = next.begin(); server != next.end(); ++server) {
    if (!wanted(*server) && (going == next.end() || rank(*server) < rank(*going))) going = server;
  }
  if (going == next.end()) return std::nullopt;
  next.erase(going);
  return next;
}

void RaftEngine::reconcile_members() {
  if (desired_.empty() || core_.role() != RaftRole::kLeader || writes_under_way_ > 0 || handed_over_) return;
  std::optional<RaftConfiguration> next = next_configuration();
  if (!next || !core_.change_allowed(*next, term_committed())) return;
  const bool stays = std::ranges::any_of(
      *next, [this](const RaftServer& server) { return server.id == options_.member_id && server.voter; });
  if (!stays) {
    if (now_ms() < transfer_asked_ms_ + kTransferPauseMs) return;
    transfer_asked_ms_ = now_ms();
    return carry_out(core_.transfer(now_ms(), 0), {});
  }
  std::vector<RaftEntry> entry{{cache_.last_index() + 1, core_.term(), EntryKind::kConfiguration,
                                std::make_shared<const std::string>(encode(*next))}};
  base::log_info("changing the members: {} servers, {} of them vote", next->size(),
                 std::ranges::count_if(*next, &RaftServer::voter));
  carry_out(core_.submit(now_ms(), entry), entry);
}

}  // namespace kv
