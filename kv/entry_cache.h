#pragma once
// The end of the log in memory: what followers may still need, and what is not applied yet. What is older is in the
// checkpoint. One thread.

#include <cstdint>
#include <deque>
#include <vector>

#include "kv/raft_entry.h"

namespace kv {

class EntryCache {
 public:
  // Empty; the first entry will be `first_index`, the one before has `term_before` (0: not known).
  void restart(std::uint64_t first_index, std::uint64_t term_before);

  std::uint64_t first_index() const { return first_index_; }
  std::uint64_t last_index() const { return stored_first_ + entries_.size() - 1; }
  std::size_t bytes() const { return bytes_; }  // in memory, also of what is forgotten and not yet cleared away

  // The term of an entry that is held or stands right before the first one; 0: not known.
  std::uint64_t term_at(std::uint64_t index) const;
  // REQUIRES: first_index() <= index <= last_index().
  const RaftEntry& at(std::uint64_t index) const { return entries_[index - stored_first_]; }

  // All that is held.
  std::vector<RaftEntry> all() const {
    return {entries_.end() - static_cast<std::ptrdiff_t>(last_index() + 1 - first_index_), entries_.end()};
  }

  // Drops what is held at or above the first of these, and adds them. REQUIRES: no gap.
  void append(const std::vector<RaftEntry>& entries);
  // Drops what is older than `index`. REQUIRES: index <= last_index() + 1.
  void forget_before(std::uint64_t index);
  // What was forgotten stays in memory until it is cleared away, a part with each call: ten thousand entries at once
  // would hold everybody up for milliseconds.
  void clear_some();

 private:
  static std::size_t cost(const RaftEntry& entry) { return sizeof entry + entry.bytes().size(); }

  std::uint64_t first_index_ = 1;
  std::uint64_t stored_first_ = 1;  // of entries_, which begins with what is forgotten
  std::uint64_t term_before_ = 0;
  std::deque<RaftEntry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace kv
