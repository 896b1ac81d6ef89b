#pragma once
// libraft's step core (cowsql/raft 0.22) in C++ clothes: a pure function from events to updates, with no clock, no I/O
// and no thread. It decides on terms, votes, indices and configurations; it never sees a command's bytes. Time is in
// milliseconds of any clock that does not go back.
//
// libraft 0.22.1 has defects that its host must keep away from it; the guards that belong to one instance are in this
// file, each with a test that fails without it (raft_core_test.cc).
//
// One thread. A step that the core refuses throws RaftRefused, damage throws base::Error.

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "kv/raft_entry.h"

struct raft_shim;
struct raft_shim_update;

namespace kv {

struct RaftRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class RaftRole { kFollower, kCandidate, kLeader };

// What a step asks the host to do, in this order.
struct RaftUpdate {
  bool hard_state = false;        // hard_state() changed: make it durable before anything else of this update
  std::uint64_t write_from = 0;   // 0: nothing to write; else what the log holds from here on is void, and then follow
  std::uint32_t write_count = 0;  // the last so many of the entries that were submitted or received,
  bool own_barrier = false;       // or one barrier of the core's own
  bool install_snapshot = false;  // the snapshot that was received is to be installed
  std::vector<RaftMessage> messages = {};  // kAppend without its entries: they are entry_count after `index`
};

struct RaftTimes {
  std::uint32_t election_ms = 1000;  // elections start after one to two of these without a leader
  std::uint32_t heartbeat_ms = 100;
};

class RaftCore {
 public:
  RaftCore(std::uint64_t id, std::uint32_t seed, RaftTimes times);
  ~RaftCore();
  RaftCore(const RaftCore&) = delete;
  RaftCore& operator=(const RaftCore&) = delete;

  // First of all, once: what is on the disk. The entries follow `base`; without a base (index 0) entry 1 must be a
  // configuration. A member that has neither waits for a leader to find it.
  RaftUpdate start(std::uint64_t now, const HardState& hard_state, const RaftBase& base,
                   const std::vector<RaftEntry>& entries);

  // REQUIRES: a kAppend went through split_at_configurations(). kInstallSnapshot goes to receive_snapshot().
  RaftUpdate receive(std::uint64_t now, const RaftMessage& message);
  // A whole snapshot has come. When the update says install_snapshot, the host makes it durable and calls
  // snapshot_installed() with the same base.
  RaftUpdate receive_snapshot(std::uint64_t now, std::uint64_t peer, std::uint64_t term, const RaftBase& base);
  RaftUpdate snapshot_installed(std::uint64_t now, const RaftBase& base);

  // All up to `index` is on the disk. REQUIRES: index > stored_index(), and nothing up to it was made void since.
  RaftUpdate persisted(std::uint64_t now, std::uint64_t index);
  // The configuration in entry `index` is committed.
  RaftUpdate configuration_committed(std::uint64_t now, std::uint64_t index, const RaftConfiguration& configuration);
  // A checkpoint holds all up to base.index; the core may forget what is more than `trailing` entries before it.
  RaftUpdate compacted(std::uint64_t now, const RaftBase& base, std::uint32_t trailing);
  RaftUpdate timed_out(std::uint64_t now);
  // Leader only. REQUIRES: the terms are term(); a configuration comes alone, and change_allowed() said yes to it.
  RaftUpdate submit(std::uint64_t now, const std::vector<RaftEntry>& entries);
  // Hands the leadership to this voter, 0: to the one that is most up to date.
  RaftUpdate transfer(std::uint64_t now, std::uint64_t id);

  // The leader's process is known to be gone: forgets it, and lets the election come so much later instead of after the
  // timeout. Pre-vote still asks whether the others miss the leader too.
  void leader_is_gone(std::uint32_t delay_ms);

  RaftRole role() const;
  std::uint64_t term() const { return hard_state().term; }
  HardState hard_state() const;
  std::uint64_t commit_index() const;
  std::uint64_t stored_index() const;  // the last entry that the core knows to be on our disk
  std::uint64_t leader() const;        // 0: none known
  bool transferring() const;
  std::uint64_t match_index(std::uint64_t id) const;  // leader only: what this server has for sure
  RaftConfiguration configuration() const;            // the active one, committed or not

  // When timed_out() is to be called. Never earlier than `now` + 1: the core's own answer stands still in the past in
  // some states (defect 5), which would be a busy loop.
  std::uint64_t next_timeout(std::uint64_t now) const;

  // Whether the leader may submit a change to `next`: none is under way, an entry of its own term is committed
  // (`term_committed`; defect 6), and exactly one server is added at the end, removed, or changes its role (defect 8).
  bool change_allowed(const RaftConfiguration& next, bool term_committed) const;

  // libraft takes the index of the first new entry for that of any configuration in the message (defect 3): each
  // configuration begins a message of its own.
  static std::vector<RaftMessage> split_at_configurations(RaftMessage message);

 private:
  RaftUpdate collect(int code, const raft_shim_update& update, const char* what);

  std::uint64_t id_;
  RaftTimes times_;
  raft_shim* shim_;
  std::uint64_t heard_ms_ = 0;  // from the leader, last
};

}  // namespace kv
