// Messages: out to the other members, with what the core leaves to its host, and in from them.

#include <algorithm>
#include <variant>

#include "base/log.h"
#include "kv/raft_engine.h"

namespace kv {

namespace {

constexpr std::uint64_t kAskForStateMs = 500;
constexpr std::uint64_t kSnapshotSilenceMs = 3000;
constexpr std::uint64_t kAnswerMs = 500;  // for a member to say that it has the snapshot whose last piece it has

}  // namespace

// --- messages out

void RaftEngine::send_raft(RaftMessage message) {
  switch (message.kind) {
    case MessageKind::kAppend:
      return send_append(std::move(message));
    case MessageKind::kInstallSnapshot:
      offered_[message.peer] = {.index = message.index};
      return send_snapshot(message.peer, "lags too far behind");
    case MessageKind::kAppendResult:
      // The leader would take a rejection for the end of the snapshot that it is sending; it must hear that we are
      // alive.
      if (message.rejected != 0 && receiving_from(message.peer)) {
        message.rejected = 0;
        message.index = 0;
      }
      break;
    default:
      break;
  }
  const std::uint64_t peer = message.peer;
  io_.send(peer, encode(PeerMessage(std::move(message))));
}

void RaftEngine::send_snapshot(std::uint64_t member, std::string_view why) {
  if (senders_.busy(member)) return;
  std::unique_ptr<SnapshotReader> reader = io_.host.open_snapshot();
  if (!reader) return;
  base::log_info("member {:x} {}: sending it the state at entry {}", member, why, reader->base().index);
  senders_.begin(member, io_.random.next(), core_.term(), std::move(reader));
  for (PeerSnapshotChunk& piece : senders_.next(member, now_ms())) {
    io_.send(member, encode(PeerMessage(std::move(piece))));
  }
}

void RaftEngine::tell_mark(const StateMark& mark) {
  for (const RaftServer& server : core_.configuration()) {
    if (server.id != options_.member_id) io_.send(server.id, encode(PeerMessage(PeerStateMark{mark})));
  }
}

// The core names the entries, the cache has them. In messages of a bounded size.
void RaftEngine::send_append(RaftMessage message) {
  const std::uint64_t end = message.index + message.entry_count;  // the last one
  if (message.entry_count > 0 && (message.index + 1 < cache_.first_index() || end > cache_.last_index())) return;
  std::uint64_t& told = told_commit_[message.peer];
  do {
    std::size_t bytes = 0;
    std::uint64_t last = message.index;
    message.entries.clear();
    while (last < end && (bytes < options_.message_bytes || message.entries.empty())) {
      message.entries.push_back(cache_.at(++last));
      bytes += message.entries.back().bytes().size();
    }
    told = std::max(told, std::min(message.commit, last));
    io_.send(message.peer, encode(PeerMessage(message)));
    message.index = last;
    message.index_term = cache_.term_at(last);
  } while (message.index < end);
}

// The core tells followers what is committed with the next entries or heartbeat; a client on a follower would wait for
// that. So a heartbeat is made as soon as there is news: it is one that the core could have sent.
void RaftEngine::tell_commit() {
  if (!queue_.empty()) return;  // the next entries follow at once
  const std::uint64_t commit = core_.commit_index();
  for (const RaftServer& server : core_.configuration()) {
    if (server.id == options_.member_id) continue;
    const std::uint64_t match = core_.match_index(server.id);
    const std::uint64_t term = cache_.term_at(match);
    std::uint64_t& told = told_commit_[server.id];
    if (match == 0 || term == 0 || std::min(commit, match) <= told) continue;
    told = std::min(commit, match);
    RaftMessage heartbeat;
    heartbeat.kind = MessageKind::kAppend;
    heartbeat.term = core_.term();
    heartbeat.index = match;
    heartbeat.index_term = term;
    heartbeat.commit = commit;
    io_.send(server.id, encode(PeerMessage(std::move(heartbeat))));
  }
}

// The core sends nothing else to a member until that has the snapshot, or for ten minutes: it must be told when a
// stream came to nothing, or when the member's word that it has the snapshot was lost. As a rejection of the snapshot
// itself, after which it asks where the member is.
void RaftEngine::give_up_snapshots() {
  const std::uint64_t now = now_ms();
  const RaftConfiguration configuration = core_.configuration();
  std::erase_if(offered_, [&](const auto& one) {
    return std::ranges::find(configuration, one.first, &RaftServer::id) == configuration.end();
  });
  std::vector<RaftMessage> rejections;
  for (auto& [member, offered] : offered_) {
    if (senders_.busy(member) || offered.ended_ms == 0) {
      offered.ended_ms = senders_.busy(member) ? 0 : now;
    } else if (now >= offered.ended_ms + kAnswerMs) {
      RaftMessage rejection{.kind = MessageKind::kAppendResult, .peer = member, .term = core_.term()};
      rejection.rejected = offered.index;
      if (core_.match_index(member) < offered.index) rejections.push_back(rejection);
      offered.index = 0;
    }
  }
  std::erase_if(offered_, [](const auto& one) { return one.second.index == 0; });
  for (const RaftMessage& rejection : rejections) carry_out(core_.receive(now, rejection), {});
}

// --- messages in

void RaftEngine::receive(std::uint64_t from, PeerMessage message) {
  std::visit([this, from](auto& one) { deliver(from, std::move(one)); }, message);
}

void RaftEngine::deliver(std::uint64_t from, RaftMessage message) {
  message.peer = from;
  if (message.kind != MessageKind::kAppend) return carry_out(core_.receive(now_ms(), message), {});
  for (RaftMessage& part : RaftCore::split_at_configurations(std::move(message))) {
    carry_out(core_.receive(now_ms(), part), part.entries);
  }
}

void RaftEngine::deliver(std::uint64_t from, PeerReadRequest message) {
  if (core_.role() != RaftRole::kLeader) {
    io_.send(from, encode(PeerMessage(PeerReadAnswer{message.sequence, 0})));
    return;
  }
  reads_.wait_remote({from, message.sequence});
  after_step();
}

void RaftEngine::deliver(std::uint64_t, PeerReadAnswer message) {
  reads_.answered(message.sequence, message.index);
  if (message.index != 0 && seen_leader_ != 0) {
    if (auto sequence = reads_.begin_request(now_ms())) {
      io_.send(seen_leader_, encode(PeerMessage(PeerReadRequest{*sequence})));
    }
  }
  after_step();
}

void RaftEngine::deliver(std::uint64_t from, PeerProbe message) {
  if (core_.term() != message.term || core_.leader() != from) return;
  io_.send(from, encode(PeerMessage(PeerProbeAck{message.term, message.sequence})));
}

void RaftEngine::deliver(std::uint64_t from, PeerProbeAck message) {
  if (core_.role() != RaftRole::kLeader || core_.term() != message.term) return;
  const RaftConfiguration configuration = core_.configuration();
  auto server = std::ranges::find(configuration, from, &RaftServer::id);
  if (from != 0 && (server == configuration.end() || !server->voter)) return;
  auto finished = reads_.acknowledge(from, message.sequence, voters() / 2);
  if (!finished) return;
  for (const ReadRounds::Remote& remote : finished->remote) {
    io_.send(remote.member, encode(PeerMessage(PeerReadAnswer{remote.sequence, finished->index})));
  }
  if (from != 0) after_step();
}

void RaftEngine::deliver(std::uint64_t from, PeerSnapshotAck message) {
  if (!senders_.acknowledged(from, message, now_ms())) {
    return send_snapshot(from, "has lost the beginning");
  }
  for (PeerSnapshotChunk& piece : senders_.next(from, now_ms())) {
    io_.send(from, encode(PeerMessage(std::move(piece))));
  }
}

void RaftEngine::deliver(std::uint64_t from, const PeerSnapshotChunk& message) {
  if (message.term < core_.term()) return;
  if (message.base.index <= applied_ && !(fetching_state_ && from == seen_leader_)) {
    // What came through the log meanwhile is newer, or an earlier process installed it and ended before the leader
    // heard of it: the core says so.
    if (receiving_from(from)) receiver_.clear();
    io_.send(from, encode(PeerMessage(PeerSnapshotAck{message.stream, kNothingMore})));
    return carry_out(core_.receive_snapshot(now_ms(), from, message.term, message.base), {});
  }
  // A state needs space too. The sender repeats what is not confirmed.
  if (io_.journal.full()) return;
  snapshot_piece_ms_ = now_ms();
  if (auto ack = receiver_.take(from, message)) io_.send(from, encode(PeerMessage(*ack)));
  auto snapshot = receiver_.take_whole();
  if (!snapshot) return;
  if (snapshot->base.index > applied_) return install(*snapshot);
  install_again(*snapshot);
}

void RaftEngine::deliver(std::uint64_t from, PeerStateRequest) {
  if (core_.role() == RaftRole::kLeader && !fetching_state_) send_snapshot(from, "asks for our state");
}

// The log is as good as it was; only what was made of it is made anew.
void RaftEngine::install_again(const ReceivedSnapshot& snapshot) {
  const RaftBase& base = snapshot.base;
  if (base.index + 1 < cache_.first_index() || cache_.term_at(base.index) != base.term) return;  // asked for again
  io_.host.install_snapshot(base, snapshot.state);
  fetching_state_ = false;
  base::log_info("took over the state at entry {} from member {:x}", base.index, snapshot.from);
  const std::uint64_t end = std::exchange(applied_, base.index);
  while (applied_ < end) {
    const RaftEntry entry = cache_.at(++applied_);
    hand_over_entry(entry);
  }
}

// One that was given up by its sender is not waited for.
bool RaftEngine::receiving_from(std::uint64_t member) const {
  return receiver_.sender() == member && now_ms() < snapshot_piece_ms_ + kSnapshotSilenceMs;
}

void RaftEngine::ask_for_state() {
  if (!fetching_state_ || receiving_from(seen_leader_) || now_ms() < state_asked_ms_ + kAskForStateMs) return;
  state_asked_ms_ = now_ms();
  if (core_.role() == RaftRole::kLeader) {
    if (voters() > 1 && !core_.transferring()) try_transfer();
  } else if (seen_leader_ != 0) {
    io_.send(seen_leader_, encode(PeerMessage(PeerStateRequest{})));
  }
}

// The core hears of a snapshot only when all of it is here: then it can be installed at once, and the core is never
// left waiting for one whose sender has died.
void RaftEngine::install(const ReceivedSnapshot& snapshot) {
  const RaftBase& base = snapshot.base;
  RaftUpdate update = core_.receive_snapshot(now_ms(), snapshot.from, snapshot.term, base);
  const bool wanted = update.install_snapshot;
  if (wanted) {
    io_.host.install_snapshot(base, snapshot.state);
    if (update.hard_state) io_.journal.save_state(core_.hard_state());
    update.hard_state = false;
    io_.journal.reset(base.index);
    cache_.restart(base.index + 1, base.term);
    configurations_ = {{base.configuration_index, base.configuration}};
    applied_ = last_compacted_ = base.index;
    fetching_state_ = false;
    base::log_info("installed the state at entry {} from member {:x}", base.index, snapshot.from);
  }
  carry_out(std::move(update), {});
  if (wanted) carry_out(core_.snapshot_installed(now_ms(), base), {});
}

// Members that miss the leader at the same time stand for election one after the other.
void RaftEngine::unreachable(std::uint64_t member) {
  if (member != seen_leader_ || core_.role() != RaftRole::kFollower) return;
  const std::uint32_t heartbeat = options_.times.heartbeat_ms;
  core_.leader_is_gone(heartbeat + static_cast<std::uint32_t>(io_.random.below(2 * heartbeat + 1)));
  after_step();
}

void RaftEngine::disconnected(std::uint64_t member) {
  refuse_lost(
      [member](const Pending& pending) { return pending.stage == Stage::kForwarded && pending.leader == member; });
}

}  // namespace kv
