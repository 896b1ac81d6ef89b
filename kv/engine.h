#pragma once
// The replication engine: takes proposals from any member's clients, agrees on one order for them, makes them durable,
// and hands them to what stands above, on every member in the same order. What stands above never knows how many
// members there are: it proposes, applies what is committed, and asks for a barrier before a read that must be fresh.
//
// All calls and all callbacks are made on the owner's thread (the event loop's). No callback is made from inside a
// call: callbacks arrive by the `post` function that the engine was built with.

#include <cstdint>
#include <functional>
#include <string>

namespace kv {

struct LogEntry {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::string command;  // opaque bytes; empty: an entry of the engine's own that changes nothing above
};

enum class Refusal {
  kOverloaded,  // too much waits already: nothing was done
  kNoSpace,     // the disk is full: nothing was done
  kNoLeader,    // nobody leads now: nothing was done
  kLost,        // leadership went away under way: it may be committed later, or not
  kStopped,     // the engine is being stopped: nothing was done
};

struct EngineStatus {
  std::uint64_t term = 0;
  std::uint64_t committed_index = 0;  // of the entries handed over
  std::uint64_t leader_id = 0;        // 0: none known
  std::uint64_t member_id = 0;        // ourselves
  bool leads() const { return leader_id != 0 && leader_id == member_id; }
};

// What stands above. A ticket is the caller's own mark of a call; each ticket gets exactly one callback, unless the
// engine is destroyed before.
class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Committed and durable: apply it. Each index once since start(), in order. `ticket` is 0 unless it was proposed here
  // since start().
  virtual void committed(const LogEntry& entry, std::uint64_t ticket) = 0;
  virtual void refused(std::uint64_t ticket, Refusal refusal) = 0;
  // All that was committed before the barrier was asked for has been handed over.
  virtual void barrier_passed(std::uint64_t ticket) = 0;
  // The engine cannot go on (a failed fsync, damage on the disk): the process must end, it must not answer any more.
  virtual void engine_failed(const std::string& reason) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Hands over what the log holds beyond `applied_index` (before it returns), then takes proposals. Throws base::Error
  // when the log does not reach back to it.
  virtual void start(std::uint64_t applied_index) = 0;

  // `ticket` must not be 0.
  virtual void propose(std::string command, std::uint64_t ticket) = 0;
  virtual void barrier(std::uint64_t ticket) = 0;

  // What stands above has entries up to `index` in a durable checkpoint: the log may forget them.
  virtual void checkpointed(std::uint64_t index) = 0;

  virtual EngineStatus status() const = 0;

  // Finishes what was proposed, then stops; callbacks for it are posted before stop() returns.
  virtual void stop() = 0;
};

using Post = std::function<void(std::function<void()>)>;

}  // namespace kv
