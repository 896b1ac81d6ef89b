#include "kv/raft_core.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "kv/raft_shim.h"

namespace kv {

namespace {

constexpr unsigned kMaxInflightEntries = 65536;  // the bound that counts is in bytes, in the transport

std::vector<raft_shim_server> shim_servers(const RaftConfiguration& configuration) {
  std::vector<raft_shim_server> servers;
  for (const RaftServer& server : configuration) {
    servers.push_back({server.id, server.voter ? RAFT_SHIM_VOTER : RAFT_SHIM_STANDBY});
  }
  return servers;
}

// The entries in the shim's form, with the configurations that they point to.
struct ShimEntries {
  explicit ShimEntries(const std::vector<RaftEntry>& entries) {
    list.reserve(entries.size());
    configurations.reserve(entries.size());
    for (const RaftEntry& entry : entries) {
      raft_shim_entry shim{entry.term, static_cast<int>(entry.kind), nullptr, 0};
      if (entry.kind == EntryKind::kConfiguration) {
        configurations.push_back(shim_servers(decode_configuration(entry.bytes())));
        shim.servers = configurations.back().data();
        shim.n_servers = static_cast<unsigned>(configurations.back().size());
      }
      list.push_back(shim);
    }
  }
  unsigned size() const { return static_cast<unsigned>(list.size()); }

  std::vector<raft_shim_entry> list;
  std::vector<std::vector<raft_shim_server>> configurations;
};

struct ShimBase {
  explicit ShimBase(const RaftBase& base) : servers(shim_servers(base.configuration)) {
    snapshot = {base.index, base.term, base.configuration_index, servers.data(), static_cast<unsigned>(servers.size())};
  }
  std::vector<raft_shim_server> servers;
  raft_shim_snapshot snapshot{};
};

// The one that counts: the last in the log, committed or not.
RaftConfiguration latest_configuration(const RaftBase& base, const std::vector<RaftEntry>& entries) {
  for (auto entry = entries.rbegin(); entry != entries.rend() && entry->index > base.configuration_index; ++entry) {
    if (entry->kind == EntryKind::kConfiguration) return decode_configuration(entry->bytes());
  }
  return base.configuration;
}

// libraft lets the only voter lead without a new term. Entries that it had sent to learners and not yet written when it
// crashed would then have twins of the same term; so its leadership begins as every other one, with a term of its own.
bool is_only_voter(const RaftConfiguration& configuration, std::uint64_t id) {
  return std::ranges::count_if(configuration, &RaftServer::voter) == 1 &&
         std::ranges::find(configuration, RaftServer{id, true}) != configuration.end();
}

RaftMessage message_of(const raft_shim_message& shim) {
  RaftMessage message;
  message.kind = static_cast<MessageKind>(shim.type);
  message.peer = shim.peer;
  message.term = shim.term;
  message.index = shim.index;
  message.index_term = shim.index_term;
  message.commit = shim.commit;
  message.rejected = shim.rejected;
  message.entry_count = shim.n_entries;
  message.disrupt_leader = shim.disrupt_leader;
  message.pre_vote = shim.pre_vote;
  message.granted = shim.granted;
  return message;
}

// A learner that was just made a voter may be asked for its vote before it knows (libraft denies it, defect 7): the
// candidate's configuration decides who is asked, so whoever is asked votes. Restores the role at the end.
class VotesWhenAsked {
 public:
  explicit VotesWhenAsked(raft_shim* shim) : shim_(shim), before_(raft_shim_set_own_role(shim, RAFT_SHIM_VOTER)) {}
  ~VotesWhenAsked() {
    if (before_ >= 0) raft_shim_set_own_role(shim_, before_);
  }
  VotesWhenAsked(const VotesWhenAsked&) = delete;
  VotesWhenAsked& operator=(const VotesWhenAsked&) = delete;

 private:
  raft_shim* shim_;
  int before_;
};

}  // namespace

RaftCore::RaftCore(std::uint64_t id, std::uint32_t seed, RaftTimes times)
    : id_(id),
      times_(times),
      shim_(raft_shim_new(id, seed, times.election_ms, times.heartbeat_ms, kMaxInflightEntries)) {
  if (shim_ == nullptr) throw std::bad_alloc();
}

RaftCore::~RaftCore() {
  raft_shim_free(shim_);
}

RaftUpdate RaftCore::collect(int code, const raft_shim_update& update, const char* what) {
  if (code != 0) throw RaftRefused(std::format("{}: {}", what, raft_shim_error(code)));
  RaftUpdate out;
  out.hard_state = (update.flags & RAFT_SHIM_UPDATE_HARD_STATE) != 0;
  if ((update.flags & RAFT_SHIM_UPDATE_ENTRIES) != 0) {
    out.write_from = update.entries_index;
    out.write_count = update.n_entries;
    out.own_barrier = update.barrier;
  }
  out.install_snapshot = (update.flags & RAFT_SHIM_UPDATE_SNAPSHOT) != 0;
  out.messages.reserve(update.n_messages);
  for (unsigned i = 0; i < update.n_messages; ++i) {
    raft_shim_message message{};
    raft_shim_message_at(shim_, i, &message);
    out.messages.push_back(message_of(message));
  }
  return out;
}

RaftUpdate RaftCore::start(std::uint64_t now, const HardState& hard_state, const RaftBase& base,
                           const std::vector<RaftEntry>& entries) {
  if (base.index == 0 && !entries.empty() && entries.front().kind != EntryKind::kConfiguration) {
    throw base::Error("start", "the log", "its first entry is not a configuration");
  }
  ShimEntries shim(entries);
  ShimBase snapshot(base);
  const RaftConfiguration active = latest_configuration(base, entries);
  const bool alone = is_only_voter(active, id_);
  const HardState state = alone ? HardState{hard_state.term + 1, id_} : hard_state;
  std::uint64_t first = entries.empty() ? base.index + 1 : entries.front().index;
  raft_shim_update update{};
  int code = raft_shim_start(shim_, now, state.term, state.voted_for, base.index == 0 ? nullptr : &snapshot.snapshot,
                             first, shim.list.data(), shim.size(), &update);
  RaftUpdate out = collect(code, update, "start");
  out.hard_state = out.hard_state || alone;
  return out;
}

RaftUpdate RaftCore::receive(std::uint64_t now, const RaftMessage& message) {
  raft_shim_message shim{};
  shim.type = static_cast<int>(message.kind);
  shim.peer = message.peer;
  shim.term = message.term;
  shim.index = message.index;
  shim.index_term = message.index_term;
  shim.commit = message.commit;
  shim.rejected = message.rejected;
  shim.n_entries = static_cast<unsigned>(message.entries.size());
  shim.disrupt_leader = message.disrupt_leader;
  shim.pre_vote = message.pre_vote;
  shim.granted = message.granted;
  ShimEntries entries(message.entries);
  raft_shim_update update{};
  if (message.kind == MessageKind::kAppend && message.term >= term()) heard_ms_ = now;
  std::optional<VotesWhenAsked> votes;
  if (message.kind == MessageKind::kVote) {
    // A follower that cannot stand for election itself (a learner, or one whose disk is behind) never lets go of its
    // leader in libraft, and so denies its vote for ever (defect 9).
    if (now >= heard_ms_ + times_.election_ms) raft_shim_forget_leader(shim_);
    votes.emplace(shim_);
  }
  int code = raft_shim_receive(shim_, now, &shim, entries.list.data(), nullptr, &update);
  return collect(code, update, "receive");
}

RaftUpdate RaftCore::receive_snapshot(std::uint64_t now, std::uint64_t peer, std::uint64_t term, const RaftBase& base) {
  raft_shim_message shim{};
  shim.type = RAFT_SHIM_INSTALL_SNAPSHOT;
  shim.peer = peer;
  shim.term = term;
  ShimBase snapshot(base);
  raft_shim_update update{};
  return collect(raft_shim_receive(shim_, now, &shim, nullptr, &snapshot.snapshot, &update), update,
                 "receive a snapshot");
}

RaftUpdate RaftCore::snapshot_installed(std::uint64_t now, const RaftBase& base) {
  ShimBase snapshot(base);
  raft_shim_update update{};
  return collect(raft_shim_persisted_snapshot(shim_, now, &snapshot.snapshot, &update), update, "install a snapshot");
}

RaftUpdate RaftCore::persisted(std::uint64_t now, std::uint64_t index) {
  raft_shim_update update{};
  return collect(raft_shim_persisted_entries(shim_, now, index, &update), update, "persisted");
}

RaftUpdate RaftCore::configuration_committed(std::uint64_t now, std::uint64_t index,
                                             const RaftConfiguration& configuration) {
  std::vector<raft_shim_server> servers = shim_servers(configuration);
  raft_shim_update update{};
  return collect(
      raft_shim_configuration(shim_, now, index, servers.data(), static_cast<unsigned>(servers.size()), &update),
      update, "configuration");
}

RaftUpdate RaftCore::compacted(std::uint64_t now, const RaftBase& base, std::uint32_t trailing) {
  ShimBase snapshot(base);
  raft_shim_update update{};
  return collect(raft_shim_compacted(shim_, now, &snapshot.snapshot, trailing, &update), update, "compact");
}

RaftUpdate RaftCore::timed_out(std::uint64_t now) {
  const bool alone = role() == RaftRole::kFollower && is_only_voter(configuration(), id_);
  if (alone) raft_shim_begin_term(shim_);
  raft_shim_update update{};
  RaftUpdate out = collect(raft_shim_timeout(shim_, now, &update), update, "time out");
  out.hard_state = out.hard_state || alone;
  return out;
}

RaftUpdate RaftCore::submit(std::uint64_t now, const std::vector<RaftEntry>& entries) {
  ShimEntries shim(entries);
  raft_shim_update update{};
  return collect(raft_shim_submit(shim_, now, shim.list.data(), shim.size(), &update), update, "submit");
}

RaftUpdate RaftCore::transfer(std::uint64_t now, std::uint64_t id) {
  raft_shim_update update{};
  return collect(raft_shim_transfer(shim_, now, id, &update), update, "transfer the leadership");
}

void RaftCore::leader_is_gone(std::uint32_t delay_ms) {
  raft_shim_forget_leader(shim_);
  raft_shim_hurry_election(shim_, delay_ms);
}

RaftRole RaftCore::role() const {
  switch (raft_shim_state_of(shim_)) {
    case RAFT_SHIM_LEADER:
      return RaftRole::kLeader;
    case RAFT_SHIM_CANDIDATE:
      return RaftRole::kCandidate;
    default:
      return RaftRole::kFollower;
  }
}

HardState RaftCore::hard_state() const {
  return {raft_shim_term(shim_), raft_shim_voted_for(shim_)};
}

std::uint64_t RaftCore::commit_index() const {
  return raft_shim_commit_index(shim_);
}

std::uint64_t RaftCore::stored_index() const {
  return raft_shim_last_index(shim_);
}

std::uint64_t RaftCore::leader() const {
  return raft_shim_leader(shim_);
}

bool RaftCore::transferring() const {
  return raft_shim_transferring(shim_);
}

std::uint64_t RaftCore::match_index(std::uint64_t id) const {
  return raft_shim_match_index(shim_, id);
}

RaftConfiguration RaftCore::configuration() const {
  RaftConfiguration configuration;
  for (unsigned i = 0; i < raft_shim_server_count(shim_); ++i) {
    raft_shim_server server = raft_shim_server_at(shim_, i);
    configuration.push_back({server.id, server.role == RAFT_SHIM_VOTER});
  }
  return configuration;
}

std::uint64_t RaftCore::next_timeout(std::uint64_t now) const {
  return std::max(raft_shim_next_timeout(shim_), now + 1);
}

bool RaftCore::change_allowed(const RaftConfiguration& next, bool term_committed) const {
  if (role() != RaftRole::kLeader || !term_committed || transferring() || raft_shim_change_pending(shim_)) return false;
  if (std::ranges::none_of(next, &RaftServer::voter)) return false;
  const RaftConfiguration now = configuration();
  if (next.size() == now.size() + 1) {
    return std::equal(now.begin(), now.end(), next.begin()) && !next.back().voter &&
           std::ranges::find(now, next.back().id, &RaftServer::id) == now.end();
  }
  if (next.size() + 1 == now.size()) {
    auto [kept, gone] = std::ranges::mismatch(next, now);
    return std::equal(kept, next.end(), gone + 1, now.end());
  }
  if (next.size() != now.size()) return false;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (next[i].id != now[i].id) return false;
    changed += next[i].voter != now[i].voter ? 1 : 0;
  }
  return changed == 1;
}

std::vector<RaftMessage> RaftCore::split_at_configurations(RaftMessage message) {
  std::vector<RaftMessage> parts;
  RaftMessage part = message;
  part.entries.clear();
  for (RaftEntry& entry : message.entries) {
    if (entry.kind == EntryKind::kConfiguration && !part.entries.empty()) {
      const RaftEntry last = part.entries.back();
      parts.push_back(std::move(part));
      part = parts.back();
      part.entries.clear();
      part.index = last.index;
      part.index_term = last.term;
    }
    part.entries.push_back(std::move(entry));
  }
  parts.push_back(std::move(part));
  for (RaftMessage& one : parts) one.entry_count = static_cast<std::uint32_t>(one.entries.size());
  return parts;
}

}  // namespace kv
