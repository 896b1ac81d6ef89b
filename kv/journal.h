#pragma once
// The engine's way to its log on the disk: what must be durable at once, and what may become so while the engine goes
// on. wal_journal.h writes in a thread; the simulator's writes on simulated time.

#include <cstdint>
#include <functional>
#include <vector>

#include "kv/raft_entry.h"

namespace kv {

// Owner's thread. Callbacks are posted there, in the order of the calls. When the disk fails, the owner is told by what
// the journal was built with, and nothing more is called back: the process must end.
class Journal {
 public:
  virtual ~Journal() = default;

  // What the disk holds; once, before everything else.
  virtual LogContent take_content() = 0;

  // Durable when it returns, whatever still waits to be written.
  virtual void save_state(const HardState& state) = 0;
  // What the log holds at or above the first entry is void from here on. `done` when the entries are durable.
  virtual void append(std::vector<RaftEntry> entries, std::function<void()> done) = 0;
  // All entries are void, also those that wait to be written; the next one is `index` + 1. Durable when it returns.
  virtual void reset(std::uint64_t index) = 0;
  // A checkpoint holds the entries up to `index`.
  virtual void forget(std::uint64_t index) = 0;

  // The disk has no room for more entries: what was appended waits for some.
  virtual bool full() const = 0;
};

}  // namespace kv
