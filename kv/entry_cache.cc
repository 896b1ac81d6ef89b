#include "kv/entry_cache.h"

#include <cassert>

namespace kv {

void EntryCache::restart(std::uint64_t first_index, std::uint64_t term_before) {
  first_index_ = stored_first_ = first_index;
  term_before_ = term_before;
  entries_.clear();
  bytes_ = 0;
}

std::uint64_t EntryCache::term_at(std::uint64_t index) const {
  if (index + 1 == first_index_) return term_before_;
  if (index < first_index_ || index > last_index()) return 0;
  return at(index).term;
}

void EntryCache::append(const std::vector<RaftEntry>& entries) {
  assert(!entries.empty() && entries.front().index >= first_index_ && entries.front().index <= last_index() + 1);
  while (!entries_.empty() && entries_.back().index >= entries.front().index) {
    bytes_ -= cost(entries_.back());
    entries_.pop_back();
  }
  for (const RaftEntry& entry : entries) {
    bytes_ += cost(entry);
    entries_.push_back(entry);
  }
}

void EntryCache::forget_before(std::uint64_t index) {
  if (index <= first_index_) return;
  assert(index <= last_index() + 1);
  term_before_ = at(index - 1).term;
  first_index_ = index;
}

void EntryCache::clear_some() {
  constexpr int kAtOnce = 256;
  for (int i = 0; i < kAtOnce && stored_first_ < first_index_; ++i) {
    bytes_ -= cost(entries_.front());
    entries_.pop_front();
    ++stored_first_;
  }
}

}  // namespace kv
