// Proposals: from this member's clients to the leader, wherever that is, and there in groups to the log. A ticket is
// waiting (no leader known), queued or submitted (this member leads), or forwarded (another one does). What was surely
// not submitted goes to the next leader by itself; what may have been is refused as lost.

#include <algorithm>

#include "base/log.h"
#include "kv/proposal_entry.h"
#include "kv/raft_engine.h"

namespace kv {

namespace {
constexpr std::uint64_t kLingerMs = 300;  // of a member that has given the leadership away
constexpr std::chrono::milliseconds kLongestGathering{2};
}  // namespace

void RaftEngine::propose(std::string command, std::uint64_t ticket, Lane lane) {
  const bool internal = lane == Lane::kInternal;
  const std::size_t most = options_.proposals + (internal ? options_.reserved_proposals : 0);
  const std::size_t most_bytes = options_.proposal_bytes + (internal ? options_.reserved_bytes : 0);
  if (pending_.size() >= most || pending_bytes_ + command.size() > most_bytes) {
    return refuse_soon(ticket, Refusal::kOverloaded);
  }
  if (io_.journal.full()) return refuse_soon(ticket, Refusal::kNoSpace);
  pending_bytes_ += command.size();
  pending_.emplace(ticket, Pending{std::move(command), Stage::kWaiting});
  outbox_.push_back(ticket);
  forward_soon();
}

// What was proposed in one turn of the loop goes together.
void RaftEngine::forward_soon() {
  if (outbox_posted_) return;
  outbox_posted_ = true;
  io_.post([this] {
    outbox_posted_ = false;
    if (seen_leader_ != 0) route_waiting();
    schedule();
  });
}

// REQUIRES: a leader is known.
void RaftEngine::route_waiting() {
  if (outbox_.empty()) return;
  const bool leads = core_.role() == RaftRole::kLeader;
  if (leads && (core_.transferring() || handed_over_)) return;  // until it is clear who leads next
  PeerPropose propose{origin_, {}};
  std::size_t bytes = 0;
  std::vector<std::uint64_t> unsent;
  auto send = [&] {
    if (propose.proposals.empty()) return;
    if (!io_.send(seen_leader_, encode(PeerMessage(propose)))) {
      for (const PeerProposal& proposal : propose.proposals) unsent.push_back(proposal.ticket);
    }
    propose.proposals.clear();
    bytes = 0;
  };
  for (; !outbox_.empty(); outbox_.pop_front()) {
    auto pending = pending_.find(outbox_.front());
    if (pending == pending_.end() || pending->second.stage != Stage::kWaiting) continue;
    pending->second.stage = leads ? Stage::kQueued : Stage::kForwarded;
    pending->second.leader = seen_leader_;
    pending->second.doubt_ms = 0;
    if (leads) {
      queue_.push_back({options_.member_id, origin_, pending->first, pending->second.command});
    } else {
      bytes += pending->second.command.size();
      propose.proposals.push_back({pending->first, pending->second.command});
      if (bytes > options_.message_bytes) send();
    }
  }
  send();
  for (std::uint64_t ticket : unsent) {
    pending_.at(ticket).stage = Stage::kWaiting;
    outbox_.push_back(ticket);
  }
  flush_soon();
}

// Group commit: while a write is under way the queue grows, and all of it is the next write. Those who were answered
// together ask again together; were the first of them written at once, the others would wait for that write and for one
// of their own. So as long as each turn of the loop brings more, they are waited for: half as long as a write takes.
void RaftEngine::flush_soon() {
  if (gathering_ || queue_.empty() || writes_under_way_ > 0) return;
  gathering_ = true;
  gather_until_ = io_.clock.now() + std::min<base::Clock::Time::duration>(write_time_ / 2, kLongestGathering);
  io_.post([this, queued = queue_.size()] { gather(queued); });
}

void RaftEngine::gather(std::size_t queued) {
  if (queue_.size() > queued && io_.clock.now() < gather_until_) {
    return io_.post([this, more = queue_.size()] { gather(more); });
  }
  gathering_ = false;
  flush_queue();
}

void RaftEngine::flush_queue() {
  if (core_.role() != RaftRole::kLeader || core_.transferring() || handed_over_) return;
  if (queue_.empty() || writes_under_way_ > 0) return;
  std::vector<RaftEntry> entries;
  std::vector<std::uint64_t> own;
  std::size_t bytes = 0;
  while (!queue_.empty() && bytes < options_.group_bytes) {
    Queued& queued = queue_.front();
    std::string data = encode_proposal_entry({queued.origin, queued.ticket, queued.command});
    bytes += data.size();
    entries.push_back({cache_.last_index() + 1 + entries.size(), core_.term(), EntryKind::kCommand,
                       std::make_shared<const std::string>(std::move(data))});
    if (queued.origin == origin_) own.push_back(queued.ticket);
    queue_.pop_front();
  }
  for (std::uint64_t ticket : own) {
    if (auto pending = pending_.find(ticket); pending != pending_.end()) pending->second.stage = Stage::kSubmitted;
  }
  carry_out(core_.submit(now_ms(), entries), entries);
}

void RaftEngine::deliver(std::uint64_t from, PeerPropose message) {
  const bool leads = core_.role() == RaftRole::kLeader && !core_.transferring() && !handed_over_;
  // No member has more under way than it may, so there is room for all, the reserved ones too.
  const std::size_t members = std::max<std::size_t>(core_.configuration().size(), 1);
  const bool overloaded = queue_.size() >= members * (options_.proposals + options_.reserved_proposals);
  PeerRefuse refuse;
  refuse.reason = !leads ? Refusal::kNoLeader : io_.journal.full() ? Refusal::kNoSpace : Refusal::kOverloaded;
  for (PeerProposal& proposal : message.proposals) {
    if (!leads || io_.journal.full() || overloaded) {
      refuse.tickets.push_back(proposal.ticket);
    } else {
      queue_.push_back({from, message.origin, proposal.ticket, std::move(proposal.command)});
    }
  }
  if (!refuse.tickets.empty()) io_.send(from, encode(PeerMessage(std::move(refuse))));
  flush_soon();
}

void RaftEngine::deliver(std::uint64_t, const PeerRefuse& message) {
  for (std::uint64_t ticket : message.tickets) {
    auto pending = pending_.find(ticket);
    if (pending == pending_.end() || pending->second.stage != Stage::kForwarded) continue;
    if (message.reason == Refusal::kNoLeader) {
      pending->second.stage = Stage::kWaiting;  // the housekeeping routes it anew
      outbox_.push_back(ticket);
      continue;
    }
    pending_bytes_ -= pending->second.command.size();
    pending_.erase(pending);
    io_.host.refused(ticket, message.reason);
  }
  schedule();
}

// This member does not lead any more: what was not submitted yet was surely not done.
void RaftEngine::give_back_queue() {
  std::map<std::uint64_t, PeerRefuse> refusals;
  for (const Queued& queued : queue_) {
    if (queued.origin != origin_) {
      refusals[queued.from].tickets.push_back(queued.ticket);
    } else if (auto pending = pending_.find(queued.ticket); pending != pending_.end()) {
      pending->second.stage = Stage::kWaiting;
      outbox_.push_back(queued.ticket);
    }
  }
  queue_.clear();
  for (auto& [member, refuse] : refusals) io_.send(member, encode(PeerMessage(std::move(refuse))));
}

void RaftEngine::refuse_soon(std::uint64_t ticket, Refusal refusal) {
  io_.post([this, ticket, refusal] { io_.host.refused(ticket, refusal); });
}

// What was forwarded to a leader that leads no more: it may be in its log, and then it will be committed, or it refuses
// it and it goes to the next one. Silence decides after a while.
void RaftEngine::doubt_forwarded() {
  for (auto& [ticket, pending] : pending_) {
    if (pending.stage != Stage::kForwarded) continue;
    if (pending.leader == seen_leader_) {
      pending.doubt_ms = 0;
    } else if (pending.doubt_ms == 0) {
      pending.doubt_ms = now_ms();
    }
  }
}

void RaftEngine::refuse_lost(const std::function<bool(const Pending&)>& lost) {
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    if (!lost(pending->second)) {
      ++pending;
      continue;
    }
    refuse_soon(pending->first, Refusal::kLost);
    pending_bytes_ -= pending->second.command.size();
    pending = pending_.erase(pending);
  }
}

void RaftEngine::hand_over(std::function<void()> done) {
  handed_over_ = std::move(done);
  io_.post([this] {
    finish_hand_over();
    schedule();
  });
}

void RaftEngine::try_transfer() {
  try {
    carry_out(core_.transfer(now_ms(), 0), {});
  } catch (const RaftRefused& refused) {
    base::log_warning("{}", refused.what());
  }
}

// A leader with other voters finishes what it has submitted, gives the leadership away, and forwards the rest to the
// next one; the only voter finishes everything.
void RaftEngine::finish_hand_over() {
  if (!handed_over_) return;
  const bool leads = core_.role() == RaftRole::kLeader;
  if (leads && voters() > 1) {
    if (writes_under_way_ == 0 && core_.commit_index() == cache_.last_index() && !core_.transferring()) {
      give_back_queue();
      try_transfer();
    }
    return;
  }
  if (leads && !(queue_.empty() && outbox_.empty() && writes_under_way_ == 0)) {
    std::function<void()> done = std::exchange(handed_over_, nullptr);
    route_waiting();
    flush_queue();
    handed_over_ = std::move(done);
    return;
  }
  // Others may have sent proposals while they did not know yet: they are told so.
  if (!pending_.empty() || now_ms() < led_until_ms_ + kLingerMs) return;
  std::exchange(handed_over_, nullptr)();
}

}  // namespace kv
