#include "kv/replica.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "kv/members.h"
#include "kv/store_image.h"

namespace kv {

namespace {

constexpr std::size_t kMaxExpired = 1000;  // nodes that one command removes, about

StoreError internal_error(std::string cause) {
  return {ErrorCode::kRaftInternal, std::move(cause), 0};
}

// etcd's texts (etcdserver/errors.go): clients look for them.
StoreError refusal_error(Refusal refusal) {
  switch (refusal) {
    case Refusal::kOverloaded:
      return internal_error("etcdserver: too many requests");
    case Refusal::kNoSpace:
      return internal_error("etcdserver: no space");
    case Refusal::kNoLeader:
      return internal_error("etcdserver: no leader");
    case Refusal::kLost:
      return internal_error("etcdserver: request timed out, possibly due to previous leader failure");
    case Refusal::kStopped:
      return internal_error("etcdserver: server stopped");
  }
  return internal_error("etcdserver: unknown error");
}

constexpr std::chrono::seconds kRoundInterval{1};  // in which states are compared

// What the cluster needs for itself, and leases, which must not end because clients write much.
Lane lane_of(const Command& command) {
  const bool own =
      command.operation == Operation::kExpire || command.key.starts_with("/0/") || command.key.starts_with(kLeasesRoot);
  return own ? Lane::kInternal : Lane::kClient;
}

StoreError timeout_error() {
  return internal_error("etcdserver: request timed out");
}

}  // namespace

std::int64_t wall_nanoseconds(const base::Clock& clock) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock.wall_now().time_since_epoch()).count();
}

Replica::Replica(Store& store, const base::Clock& clock, ReplicaLimits limits)
    : store_(store), clock_(clock), limits_(limits), quota_(limits.quota_bytes) {}

StoreError Replica::corrupt_error() {
  return internal_error("etcdserver: corrupt cluster");
}

void Replica::write(const Command& command, Done done) {
  if (diverged_) return done(corrupt_error());
  note_size();
  if (quota_.refuses(command)) return done(internal_error("etcdserver: mvcc: database space exceeded"));
  std::uint64_t ticket = ++last_ticket_;
  writes_.emplace(ticket, Waiting<Done>{std::move(done), clock_.now() + limits_.request_timeout});
  engine_->propose(encode(command), ticket, lane_of(command));
}

void Replica::barrier(Fresh fresh) {
  if (diverged_) return fresh(corrupt_error());
  std::uint64_t ticket = ++last_ticket_;
  barriers_.emplace(ticket, Waiting<Fresh>{std::move(fresh), clock_.now() + limits_.request_timeout});
  engine_->barrier(ticket);
}

void Replica::tick() {
  const base::Clock::Time now = clock_.now();
  while (!writes_.empty() && writes_.begin()->second.deadline <= now) {
    Done done = std::move(writes_.begin()->second.callback);
    writes_.erase(writes_.begin());
    ++counters_.timed_out;
    done(timeout_error());
  }
  while (!barriers_.empty() && barriers_.begin()->second.deadline <= now) {
    Fresh fresh = std::move(barriers_.begin()->second.callback);
    barriers_.erase(barriers_.begin());
    ++counters_.timed_out;
    fresh(timeout_error());
  }
  note_size();
  propose_expiry(wall_nanoseconds(clock_));
  begin_round(now);
}

void Replica::note_size() {
  if (const std::string line = quota_.note(store_.bytes()); !line.empty()) base::log_warning("{}", line);
}

// One after the other, so that many that end together are no long turn of the loop for any member.
// On a full disk the command is proposed even with nothing to expire: its fate tells when there is space again.
void Replica::propose_expiry(std::int64_t now) {
  if (expiry_ticket_ != 0 || !engine_->status().leads()) return;
  std::optional<std::int64_t> next = store_.next_expiry();
  bool due = next && *next <= now;
  if (!due && !disk_full_) return;
  Command command{.operation = Operation::kExpire};
  command.time = due ? store_.expiry_cutoff(kMaxExpired, now) : now;
  expiry_ticket_ = ++last_ticket_;
  engine_->propose(encode(command), expiry_ticket_, lane_of(command));
}

void Replica::committed(const LogEntry& entry, std::uint64_t ticket) {
  disk_full_ = false;
  ++counters_.committed;
  if (entry.command.empty()) {
    store_.skip(entry.index, entry.term);
    return note_state();
  }
  Applied applied = store_.apply(decode_command(entry.command), entry.index, entry.term);
  note_state();
  note_size();
  bool members = false;
  for (const EventPtr& event : applied.events) {
    watches_.notify(event);
    members = members || event->node.key.starts_with(kMembersKey);
  }
  if (members) members_changed();
  if (ticket == 0) return;
  if (ticket == expiry_ticket_) {
    expiry_ticket_ = 0;
    return propose_expiry(wall_nanoseconds(clock_));
  }
  auto waiting = writes_.find(ticket);
  if (waiting == writes_.end()) return;
  Done done = std::move(waiting->second.callback);
  writes_.erase(waiting);
  done(diverged_ ? Result(corrupt_error()) : applied.result);
}

void Replica::refused(std::uint64_t ticket, Refusal refusal) {
  ++counters_.refused;
  if (refusal == Refusal::kNoSpace) disk_full_ = true;
  if (ticket == expiry_ticket_) expiry_ticket_ = 0;
  if (auto waiting = writes_.find(ticket); waiting != writes_.end()) {
    Done done = std::move(waiting->second.callback);
    writes_.erase(waiting);
    done(refusal_error(refusal));
  } else if (auto reading = barriers_.find(ticket); reading != barriers_.end()) {
    Fresh fresh = std::move(reading->second.callback);
    barriers_.erase(reading);
    fresh(refusal_error(refusal));
  }
}

void Replica::barrier_passed(std::uint64_t ticket) {
  auto waiting = barriers_.find(ticket);
  if (waiting == barriers_.end()) return;
  Fresh fresh = std::move(waiting->second.callback);
  barriers_.erase(waiting);
  fresh(diverged_ ? std::optional(corrupt_error()) : std::nullopt);
}

// Those who watch go on without a gap when the new history reaches back far enough; otherwise they are told to come
// again.
void Replica::install_snapshot(const RaftBase& base, std::string_view state) {
  StoreImage image = decode_store_image(state);
  if (image.position.applied_index != base.index) {
    throw base::Error("install", "a snapshot", "its state is of another entry than it says");
  }
  const std::uint64_t seen = store_.revision();
  store_.restore(image);  // refuses what contradicts itself before it is on the disk
  snapshots_.keep(image, base);
  states_.clear();
  note_size();
  if (std::exchange(diverged_, false)) {
    base::log_info("this member holds the state of the others again: it serves");
    watches_.clear();
  } else if (store_.history().empty() || store_.history().first_index() > seen + 1) {
    watches_.clear();
  } else {
    for (std::uint64_t index = seen + 1; index <= store_.revision(); ++index) {
      for (const EventPtr& event : store_.history().at(index)) watches_.notify(event);
    }
  }
  members_changed();
}

void Replica::members_changed() {
  std::vector<std::uint64_t> ids;
  for (const Member& member : members_of(store_)) {
    if (!member.peer_urls.empty()) ids.push_back(member.id);
  }
  members_ = ids.size();
  engine_->set_members(ids);
  if (on_members_) on_members_();
}

// --- the same state everywhere

void Replica::note_state() {
  const std::uint64_t index = store_.position().applied_index;
  if (diverged_ || index % StateComparison::kEvery != 0) return;
  states_.note({index, store_.digest()});
  compare_states();
}

void Replica::begin_round(base::Clock::Time now) {
  if (diverged_ || !engine_->status().leads() || now - round_begun_ < kRoundInterval) return;
  round_begun_ = now;
  states_.begin_round();
  compare_states();
}

void Replica::mark_heard(std::uint64_t member, const StateMark& mark) {
  if (diverged_ || is_removed_member(store_, member)) return;
  states_.heard(member, mark);
  compare_states();
}

void Replica::compare_states() {
  for (const StateMark& mark : states_.take_to_tell()) engine_->tell_mark(mark);
  const std::optional<StateComparison::Verdict> verdict = states_.verdict(members_);
  if (!verdict) return;
  for (std::uint64_t member : verdict->wrong) {
    if (wrong_.contains(member)) continue;
    base::log_error("member {:x} holds another state than most members, after entry {}", member, verdict->index);
  }
  wrong_ = {verdict->wrong.begin(), verdict->wrong.end()};
  if (!verdict->we_are_wrong) return;
  base::log_error(
      "the state here is another one than that of most members, after entry {}: this member stops to serve until it "
      "has theirs",
      verdict->index);
  diverged_ = true;
  states_.clear();
  watches_.clear();
  engine_->fetch_state();
}

void Replica::engine_failed(const std::string& reason) {
  failure_ = reason;
  if (on_failure_) on_failure_();
}

}  // namespace kv
