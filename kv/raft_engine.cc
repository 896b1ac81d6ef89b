// The way of an update: hard state first (durable before anything of it is seen outside), then the entries go to the
// journal while the messages go out at once, so that all members write at the same time; what is committed and on our
// own disk is handed over.

#include "kv/raft_engine.h"

#include <algorithm>
#include <cassert>
#include <format>

#include "base/error.h"
#include "base/log.h"
#include "kv/proposal_entry.h"
#include "kv/storage.h"

namespace kv {

namespace {

constexpr std::uint64_t kHousekeepingMs = 100;
constexpr std::uint64_t kRepeatSnapshotMs = 1000;
constexpr std::uint64_t kDoubtMs = 1000;  // for the old leader to say that it did not take a proposal

}  // namespace

RaftEngine::RaftEngine(RaftEngineOptions options, Io io)
    : options_(options),
      io_(std::move(io)),
      core_(options.member_id, static_cast<std::uint32_t>(io_.random.next()), options.times),
      origin_(io_.random.next() | 1),
      reads_(origin_) {}

std::uint64_t RaftEngine::now_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(io_.clock.now().time_since_epoch()).count());
}

// --- start

void RaftEngine::start(const RaftBase& applied) {
  LogContent content = io_.journal.take_content();
  std::vector<RaftEntry>& entries = content.entries;
  const std::uint64_t last = content.first_index + entries.size() - 1;
  const bool held = applied.index >= content.first_index && applied.index <= last;
  const bool same = held && entries[applied.index - content.first_index].term == applied.term;
  if (applied.index + 1 < content.first_index) {
    throw DamagedData(
        "start", "the store",
        std::format("its checkpoint ends at entry {}, but the log begins at {}: one of the two is missing "
                    "or from another time",
                    applied.index, content.first_index));
  }
  // The process ended after a snapshot from the leader was installed and before the log was emptied.
  if (applied.index > last || (held && !same)) {
    io_.journal.reset(applied.index);
    entries.clear();
    content.first_index = applied.index + 1;
  }
  cache_.restart(content.first_index, content.first_index == applied.index + 1 ? applied.term : 0);
  if (!entries.empty()) cache_.append(entries);
  if (applied.index > 0) configurations_[applied.configuration_index] = applied.configuration;
  for (const RaftEntry& entry : entries) {
    if (entry.kind == EntryKind::kConfiguration) configurations_[entry.index] = decode_configuration(entry.bytes());
  }
  applied_ = last_compacted_ = applied.index;
  carry_out(core_.start(now_ms(), content.state, applied, entries), {});
}

// --- the step's consequences

void RaftEngine::carry_out(RaftUpdate update, const std::vector<RaftEntry>& offered) {
  if (update.hard_state) io_.journal.save_state(core_.hard_state());
  if (update.write_from != 0) write(update, offered);
  for (RaftMessage& message : update.messages) send_raft(std::move(message));
  after_step();
}

void RaftEngine::write(const RaftUpdate& update, const std::vector<RaftEntry>& offered) {
  std::vector<RaftEntry> entries;
  if (update.own_barrier) {
    entries.push_back({update.write_from, core_.term(), EntryKind::kBarrier, nullptr});
  } else {
    entries.assign(offered.end() - update.write_count, offered.end());
  }
  assert(entries.front().index == update.write_from);
  cache_.append(entries);
  configurations_.erase(configurations_.lower_bound(update.write_from), configurations_.end());
  for (const RaftEntry& entry : entries) {
    if (entry.kind == EntryKind::kConfiguration) configurations_[entry.index] = decode_configuration(entry.bytes());
  }
  ++writes_under_way_;
  write_begun_ = io_.clock.now();
  auto done = [this, index = entries.back().index, term = entries.back().term] { written(index, term); };
  io_.journal.append(std::move(entries), std::move(done));
}

// Entries that were made void while they were being written do not count: the term at their place is another one.
void RaftEngine::written(std::uint64_t index, std::uint64_t term) {
  if (--writes_under_way_ == 0) write_time_ = io_.clock.now() - write_begun_;
  if (cache_.term_at(index) == term && index > core_.stored_index()) carry_out(core_.persisted(now_ms(), index), {});
  flush_soon();
}

void RaftEngine::after_step() {
  if (core_.term() != seen_term_ || core_.leader() != seen_leader_) leadership_changed();
  advance();
  if (core_.role() == RaftRole::kLeader) {
    tell_commit();
    if (term_committed()) {
      if (auto sequence = reads_.begin_round(now_ms(), core_.commit_index())) {
        for (const RaftServer& server : core_.configuration()) {
          if (server.voter && server.id != options_.member_id) {
            io_.send(server.id, encode(PeerMessage(PeerProbe{core_.term(), *sequence})));
          }
        }
        if (voters() == 1) deliver(0, PeerProbeAck{core_.term(), *sequence});
      }
    }
  }
  for (std::uint64_t ticket : reads_.take_passed(applied_)) io_.host.barrier_passed(ticket);
  cache_.clear_some();
  schedule();
}

void RaftEngine::advance() {
  while (applied_ < std::min(core_.commit_index(), core_.stored_index())) {
    const RaftEntry entry = cache_.at(++applied_);
    hand_over_entry(entry);
    if (entry.kind == EntryKind::kConfiguration) {
      carry_out(core_.configuration_committed(now_ms(), entry.index, decode_configuration(entry.bytes())), {});
    }
  }
}

void RaftEngine::hand_over_entry(const RaftEntry& entry) {
  if (entry.kind != EntryKind::kCommand) return io_.host.committed({entry.index, entry.term, {}}, 0);
  const ProposalEntry proposal = decode_proposal_entry(entry.bytes());
  std::uint64_t ticket = 0;
  if (proposal.origin == origin_) {
    if (auto pending = pending_.find(proposal.ticket); pending != pending_.end()) {
      pending_bytes_ -= pending->second.command.size();
      pending_.erase(pending);
      ticket = proposal.ticket;
    }
  }
  io_.host.committed({entry.index, entry.term, proposal.command}, ticket);
}

void RaftEngine::leadership_changed() {
  const bool led = seen_leader_ == options_.member_id;
  seen_term_ = core_.term();
  seen_leader_ = core_.leader();
  const bool leads = seen_leader_ == options_.member_id;
  base::log_info("term {}: {}", seen_term_,
                 seen_leader_ == 0 ? "no leader is known"
                 : leads           ? "this member leads"
                                   : std::format("{:x} leads", seen_leader_));
  told_commit_.clear();
  senders_.clear();
  offered_.clear();
  receiver_.clear();
  reads_.leadership_changed();
  if (led && !leads) {
    led_until_ms_ = now_ms();
    refuse_lost([](const Pending& pending) { return pending.stage == Stage::kSubmitted; });
    give_back_queue();
  }
  doubt_forwarded();
  if (leads) make_first_entry_of_term();
  if (seen_leader_ != 0) route_waiting();
}

// What earlier leaders left is committed with the first entry of this term, and only then fresh reads and changes of
// the configuration are safe (Ongaro 2014, 3.6.2 and 6.4; his note on single-server changes of 2015). libraft makes one
// only when its log is ahead of what it knows to be committed.
void RaftEngine::make_first_entry_of_term() {
  if (cache_.term_at(cache_.last_index()) == core_.term()) return;
  std::vector<RaftEntry> barrier{{cache_.last_index() + 1, core_.term(), EntryKind::kBarrier, nullptr}};
  carry_out(core_.submit(now_ms(), barrier), barrier);
}

bool RaftEngine::term_committed() const {
  return cache_.term_at(core_.commit_index()) == core_.term();
}

std::size_t RaftEngine::voters() const {
  return static_cast<std::size_t>(std::ranges::count_if(core_.configuration(), &RaftServer::voter));
}

// --- time

void RaftEngine::schedule() {
  std::uint64_t at = core_.next_timeout(now_ms());
  // A time that moved on with every message would never come.
  if (!reads_.idle() || !senders_.idle() || !offered_.empty() || !pending_.empty() || handed_over_ || fetching_state_) {
    if (housekeeping_due_ms_ == 0) housekeeping_due_ms_ = now_ms() + kHousekeepingMs;
    at = std::min(at, housekeeping_due_ms_);
  }
  io_.wake_at(base::Clock::Time(std::chrono::milliseconds(at)));
}

void RaftEngine::timer() {
  if (now_ms() >= core_.next_timeout(now_ms() - 1)) carry_out(core_.timed_out(now_ms()), {});
  housekeeping_due_ms_ = 0;
  housekeeping();
  schedule();
}

void RaftEngine::housekeeping() {
  const std::uint64_t now = now_ms();
  const bool leads = core_.role() == RaftRole::kLeader;
  if (leads) {
    if (auto sequence = reads_.round_to_repeat(now, options_.times.heartbeat_ms)) {
      for (const RaftServer& server : core_.configuration()) {
        if (server.voter && server.id != options_.member_id) {
          io_.send(server.id, encode(PeerMessage(PeerProbe{core_.term(), *sequence})));
        }
      }
    }
    for (auto& [member, piece] : senders_.to_repeat(now, kRepeatSnapshotMs)) {
      io_.send(member, encode(PeerMessage(std::move(piece))));
    }
    give_up_snapshots();
    reconcile_members();
  } else if (seen_leader_ != 0) {
    auto sequence = reads_.request_to_repeat(now, options_.times.heartbeat_ms);
    if (!sequence) sequence = reads_.begin_request(now);
    if (sequence) io_.send(seen_leader_, encode(PeerMessage(PeerReadRequest{*sequence})));
  }
  refuse_lost([now](const Pending& pending) {
    return pending.stage == Stage::kForwarded && pending.doubt_ms != 0 && now >= pending.doubt_ms + kDoubtMs;
  });
  if (seen_leader_ != 0) route_waiting();
  ask_for_state();
  finish_hand_over();
}

// --- what stands above

RaftBase RaftEngine::base_at(std::uint64_t index) const {
  RaftBase base;
  base.index = index;
  base.term = cache_.term_at(index);
  auto after = configurations_.upper_bound(index);
  if (after != configurations_.begin()) {
    base.configuration_index = std::prev(after)->first;
    base.configuration = std::prev(after)->second;
  }
  return base;
}

void RaftEngine::checkpointed(std::uint64_t index) {
  if (index <= last_compacted_ || index > applied_ || index < cache_.first_index()) return;
  const RaftBase base = base_at(index);
  std::uint64_t keep_from =
      std::max(cache_.first_index(), index + 1 - std::min<std::uint64_t>(index, options_.trailing_entries));
  for (std::size_t bytes = cache_.bytes(); keep_from <= index && bytes > options_.trailing_bytes; ++keep_from) {
    bytes -= std::min(bytes, sizeof(RaftEntry) + cache_.at(keep_from).bytes().size());
  }
  last_compacted_ = index;
  carry_out(core_.compacted(now_ms(), base, static_cast<std::uint32_t>(index + 1 - keep_from)), {});
  cache_.forget_before(keep_from);
  auto first_kept = configurations_.upper_bound(index);
  if (first_kept != configurations_.begin()) configurations_.erase(configurations_.begin(), std::prev(first_kept));
  io_.journal.forget(keep_from - 1);
}

EngineStatus RaftEngine::status() const {
  return {core_.term(), applied_, core_.leader(), options_.member_id};
}

void RaftEngine::barrier(std::uint64_t ticket) {
  reads_.wait(ticket);
  io_.post([this] {
    if (core_.role() != RaftRole::kLeader && seen_leader_ != 0) {
      if (auto sequence = reads_.begin_request(now_ms())) {
        io_.send(seen_leader_, encode(PeerMessage(PeerReadRequest{*sequence})));
      }
    }
    after_step();
  });
}

}  // namespace kv
