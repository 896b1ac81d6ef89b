#pragma once
// The engine on libraft's step core (raft_core.h): the core decides, this carries out. It keeps the end of the log in
// memory, writes it through the journal, talks to the other members, and adds what the core does not have: group
// commit, proposals from any member, fresh reads without a log write (ReadIndex), snapshots in pieces, members that
// come and go.
//
// One thread. No I/O, clock or timer of its own: everything comes in through Io, so that the simulator can run it.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "kv/engine.h"
#include "kv/entry_cache.h"
#include "kv/journal.h"
#include "kv/peer_message.h"
#include "kv/raft_core.h"
#include "kv/read_rounds.h"
#include "kv/snapshot_streams.h"

namespace kv {

struct RaftEngineOptions {
  std::uint64_t member_id = 0;
  RaftTimes times = {};
  std::size_t proposals = 10'000;                 // from here and not answered yet; more are refused as kOverloaded
  std::size_t proposal_bytes = 64 * 1024 * 1024;  // of their commands
  std::size_t reserved_proposals = 100;           // more, for Lane::kInternal alone
  std::size_t reserved_bytes = 1024 * 1024;
  std::size_t group_bytes = 4 * 1024 * 1024;  // of one group commit
  std::size_t message_bytes = 1024 * 1024;    // of the entries in one message
  std::uint32_t trailing_entries = 5'000;     // kept behind the checkpoint for members that lag a little
  std::size_t trailing_bytes = 16 * 1024 * 1024;
};

class RaftEngine : public Engine {
 public:
  struct Io {
    Journal& journal;
    EngineHost& host;
    const base::Clock& clock;
    base::Random& random;
    // To another member: in order or not at all, never twice on one connection, never blocking. False: surely not sent.
    std::function<bool(std::uint64_t member, std::string message)> send;
    // Call timer() at this time or soon after; a later call replaces an earlier one.
    std::function<void(base::Clock::Time)> wake_at;
    Post post;
  };
  RaftEngine(RaftEngineOptions options, Io io);

  void start(const RaftBase& applied) override;
  void propose(std::string command, std::uint64_t ticket, Lane lane) override;
  void barrier(std::uint64_t ticket) override;
  RaftBase base_at(std::uint64_t index) const override;
  void checkpointed(std::uint64_t index) override;
  void set_members(std::vector<std::uint64_t> ids) override { desired_ = std::move(ids); }
  void tell_mark(const StateMark& mark) override;
  void fetch_state() override { fetching_state_ = true; }
  EngineStatus status() const override;
  void hand_over(std::function<void()> done) override;

  // Who replicates the log now, committed or not.
  RaftConfiguration configuration() const { return core_.configuration(); }

  // From the edges.
  void timer();
  void receive(std::uint64_t from, PeerMessage message);
  // The connection to or from this member broke: what was under way may be lost.
  void disconnected(std::uint64_t member);
  // Nothing listens where this member was: its process is gone.
  void unreachable(std::uint64_t member);

  // For tests and the simulator's checkers.
  const EntryCache& entries() const { return cache_; }
  const RaftCore& core() const { return core_; }
  std::uint64_t applied_index() const { return applied_; }

 private:
  enum class Stage { kWaiting, kQueued, kSubmitted, kForwarded };
  struct Pending {
    std::string command;
    Stage stage = Stage::kWaiting;
    std::uint64_t leader = 0;    // that it was forwarded to
    std::uint64_t doubt_ms = 0;  // since when that one leads no more; 0: it leads
  };
  struct Queued {
    std::uint64_t from = 0;  // the member whose proposal it is
    std::uint64_t origin = 0;
    std::uint64_t ticket = 0;
    std::string command;
  };

  struct Offered {
    std::uint64_t index = 0;     // the snapshot's, as the core knows it
    std::uint64_t ended_ms = 0;  // since when no stream is under way to the member; 0: one is
  };

  std::uint64_t now_ms() const;
  void carry_out(RaftUpdate update, const std::vector<RaftEntry>& offered);
  void write(const RaftUpdate& update, const std::vector<RaftEntry>& offered);
  void written(std::uint64_t index, std::uint64_t term);
  void after_step();
  void advance();
  void hand_over_entry(const RaftEntry& entry);
  void leadership_changed();
  void install(const ReceivedSnapshot& snapshot);
  void install_again(const ReceivedSnapshot& snapshot);
  void send_snapshot(std::uint64_t member, std::string_view why);
  bool receiving_from(std::uint64_t member) const;
  void ask_for_state();
  void try_transfer();
  void schedule();
  void housekeeping();
  void make_first_entry_of_term();
  bool term_committed() const;
  std::size_t voters() const;

  void deliver(std::uint64_t from, RaftMessage message);
  void deliver(std::uint64_t from, PeerPropose message);
  void deliver(std::uint64_t from, const PeerRefuse& message);
  void deliver(std::uint64_t from, PeerReadRequest message);
  void deliver(std::uint64_t from, PeerReadAnswer message);
  void deliver(std::uint64_t from, PeerProbe message);
  void deliver(std::uint64_t from, PeerProbeAck message);
  void deliver(std::uint64_t from, const PeerSnapshotChunk& message);
  void deliver(std::uint64_t from, PeerSnapshotAck message);
  void deliver(std::uint64_t from, const PeerStateMark& message) { io_.host.mark_heard(from, message.mark); }
  void deliver(std::uint64_t from, PeerStateRequest message);

  void send_raft(RaftMessage message);
  void send_append(RaftMessage message);
  void tell_commit();
  void give_up_snapshots();

  // raft_engine_proposals.cc
  void route_waiting();
  void forward_soon();
  void flush_soon();
  void gather(std::size_t queued);
  void flush_queue();
  void give_back_queue();
  void refuse_soon(std::uint64_t ticket, Refusal refusal);
  void refuse_lost(const std::function<bool(const Pending&)>& lost);
  void doubt_forwarded();
  void finish_hand_over();

  // raft_engine_members.cc
  void reconcile_members();
  std::optional<RaftConfiguration> next_configuration() const;

  RaftEngineOptions options_;
  Io io_;
  RaftCore core_;
  EntryCache cache_;
  std::map<std::uint64_t, RaftConfiguration> configurations_;  // by the index of their entry, older ones forgotten
  std::uint64_t applied_ = 0;
  std::uint64_t last_compacted_ = 0;

  // Leadership as last seen.
  std::uint64_t seen_term_ = 0;
  std::uint64_t seen_leader_ = 0;
  std::map<std::uint64_t, std::uint64_t> told_commit_;  // leader: what each follower can have committed by now

  std::uint64_t origin_;  // of this process, in the entries it proposes
  std::map<std::uint64_t, Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::deque<std::uint64_t> outbox_;  // tickets on their way to the leader
  bool outbox_posted_ = false;
  std::deque<Queued> queue_;  // leader: for the next group
  bool gathering_ = false;
  base::Clock::Time gather_until_{};
  std::size_t writes_under_way_ = 0;
  base::Clock::Time write_begun_{};
  base::Clock::Time::duration write_time_{};  // of the last one

  ReadRounds reads_;
  SnapshotSenders senders_;
  std::map<std::uint64_t, Offered> offered_;  // leader: members for which the core waits to have a snapshot
  SnapshotReceiver receiver_;
  std::uint64_t snapshot_piece_ms_ = 0;  // when the last one came
  bool fetching_state_ = false;
  std::uint64_t state_asked_ms_ = 0;

  std::vector<std::uint64_t> desired_;
  std::function<void()> handed_over_;
  std::uint64_t transfer_asked_ms_ = 0;
  std::uint64_t housekeeping_due_ms_ = 0;  // 0: there is nothing to look after
  std::uint64_t led_until_ms_ = 0;         // leadership was given away then
};

}  // namespace kv
