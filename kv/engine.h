#pragma once
// The replication engine: takes proposals from any member's clients, agrees on one order for them, makes them durable,
// and hands them to what stands above, on every member in the same order. What stands above never knows how many
// members there are: it proposes, applies what is committed, and asks for a barrier before a read that must be fresh.
//
// All calls and all callbacks are made on the owner's thread (the event loop's). No callback is made from inside a
// call, but for start(): callbacks come from the `post` function that the engine was built with, and from the edges
// (a message, a timer, a finished write).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/raft_entry.h"

namespace kv {

struct LogEntry {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::string_view command;  // opaque bytes, valid during the call; empty: an entry that changes nothing above
};

enum class Refusal : std::uint8_t {
  kOverloaded,  // too much waits already: nothing was done
  kNoSpace,     // the disk is full: nothing was done
  kNoLeader,    // nobody leads now: nothing was done
  kLost,        // leadership went away under way: it may be committed later, or not
  kStopped,     // the engine is being stopped: nothing was done
};

// Whose proposal it is. Clients can fill what waits up to its bound; what the cluster itself needs (the end of TTLs,
// its members) has room beyond that. It overtakes nothing: a lease whose renewal waits must not end before it.
enum class Lane : std::uint8_t { kClient, kInternal };

struct EngineStatus {
  std::uint64_t term = 0;
  std::uint64_t committed_index = 0;  // of the entries handed over
  std::uint64_t leader_id = 0;        // 0: none known
  std::uint64_t member_id = 0;        // ourselves
  bool leads() const { return leader_id != 0 && leader_id == member_id; }
};

// What stands above at one moment, as one number: two members that handed over the same entries have the same one.
struct StateMark {
  std::uint64_t index = 0;  // of the last entry that is in it
  std::uint64_t digest = 0;

  bool operator==(const StateMark&) const = default;
};

// A state of what stands above, read piece by piece while that goes on changing.
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  virtual const RaftBase& base() const = 0;  // where in the log it was
  // The next bytes, at most about `size`; empty at the end. Throws base::Error.
  virtual std::string next(std::size_t size) = 0;
};

// What stands above. A ticket is the caller's own mark of a call; each ticket gets at most one callback.
class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Committed and durable: apply it. Each index once since start(), in order, but for those in an installed snapshot.
  // `ticket` is 0 unless it was proposed here since start().
  virtual void committed(const LogEntry& entry, std::uint64_t ticket) = 0;
  virtual void refused(std::uint64_t ticket, Refusal refusal) = 0;
  // All that was committed before the barrier was asked for has been handed over.
  virtual void barrier_passed(std::uint64_t ticket) = 0;
  // The engine cannot go on (a failed fsync, damage on the disk): the process must end, it must not answer any more.
  virtual void engine_failed(const std::string& reason) = 0;

  // The last durable checkpoint, for a member that lags too far behind; null: there is none.
  virtual std::unique_ptr<SnapshotReader> open_snapshot() = 0;
  // Replaces the state by what another member's reader gave. Durable when it returns; committed() goes on behind
  // `base`, also when it was further already (fetch_state()). Throws base::Error for bytes that no reader gives, and
  // has changed nothing then.
  virtual void install_snapshot(const RaftBase& base, std::string_view state) = 0;

  // Another member told its mark.
  virtual void mark_heard(std::uint64_t member, const StateMark& mark) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // The state above holds all up to `applied` (index 0: nothing). Hands over what is known to be committed beyond it,
  // then takes proposals. Throws base::Error when the log does not reach back to it.
  virtual void start(const RaftBase& applied) = 0;

  // `ticket` must not be 0.
  virtual void propose(std::string command, std::uint64_t ticket, Lane lane) = 0;
  virtual void barrier(std::uint64_t ticket) = 0;

  // The point at `index`, for a checkpoint of the state there. REQUIRES: it was handed over, and no checkpoint is
  // newer.
  virtual RaftBase base_at(std::uint64_t index) const = 0;
  // What stands above has entries up to `index` in a durable checkpoint: the log may forget them.
  virtual void checkpointed(std::uint64_t index) = 0;

  // Who is to replicate, as the state above says it. The leader adds and removes one at a time until it is so.
  virtual void set_members(std::vector<std::uint64_t> ids) = 0;

  // To all other members, as far as they can be reached.
  virtual void tell_mark(const StateMark& mark) = 0;
  // The state above is wrong: asks the leader for its checkpoint until install_snapshot() was called with it, and hands
  // over again what the log has behind it. A leader gives its leadership away first.
  virtual void fetch_state() = 0;

  virtual EngineStatus status() const = 0;

  // Before a planned stop: gives the leadership away and sees what was proposed here through. Calls `done` once, when
  // there is nothing left to wait for; the owner sets the deadline.
  virtual void hand_over(std::function<void()> done) = 0;
};

using Post = std::function<void(std::function<void()>)>;

}  // namespace kv
