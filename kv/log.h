#pragma once
// The engine's log and hard state on the disk.

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>

#include "kv/engine.h"

namespace kv {

// The disk is full; nothing was written.
struct LogFull : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Who this log belongs to, and the hard state.
struct LogState {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::uint64_t term = 0;
};

// One thread at a time. Errors are base::Error; after one the log must not be used any more.
class Log {
 public:
  virtual ~Log() = default;

  virtual LogState state() const = 0;
  virtual void save_state(const LogState& state) = 0;  // durable when it returns

  // Index of the first entry that is kept, and of the last one that was ever written (first = last + 1: none is kept).
  virtual std::uint64_t first_index() const = 0;
  virtual std::uint64_t last_index() const = 0;

  virtual void read(std::uint64_t from, const std::function<void(const LogEntry&)>& each) = 0;

  // Durable when it returns, with one fsync for all; forgets the entries up to `forget_to` on the way. Throws LogFull.
  // REQUIRES: the entries follow last_index() without a gap.
  virtual void append(std::span<const LogEntry> entries, std::uint64_t forget_to) = 0;
};

}  // namespace kv
