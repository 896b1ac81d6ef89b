#pragma once
// The last events, for those who watch from an index in the past or ask what was there then. Bounded by count and by
// bytes; the oldest go first. Every index of the store has one record with the events of that index (more than one
// after a transaction), so an index is a position. Kept as their bytes on disk, which are a fifth of what they are in
// memory. One thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "kv/event.h"

namespace kv {

// Is the event news for one who watches `key`? Yes when it happened there, when it happened below (recursive watches,
// hidden paths excepted), and when a directory above was removed. A refresh is no news for anybody.
bool concerns(const EventGist& event, std::string_view key, bool recursive);
bool concerns(const StoreEvent& event, std::string_view key, bool recursive);

struct HistoryLimits {
  std::size_t events = 100'000;          // records
  std::size_t bytes = 64 * 1024 * 1024;  // keys and values, and about what holds them
};

class History {
 public:
  explicit History(HistoryLimits limits = {}) : limits_(limits) {}

  // All events of one index. REQUIRES: it is last_index() + 1, or the history is empty; there is at least one.
  void add(std::vector<EventPtr> events);

  const HistoryLimits& limits() const { return limits_; }
  bool empty() const { return records_.empty(); }
  std::size_t size() const { return records_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t first_index() const { return first_index_; }
  std::uint64_t last_index() const { return records_.empty() ? 0 : first_index_ + records_.size() - 1; }

  // The oldest index whose state can still be told from the present one: what has happened since is all here.
  std::uint64_t known_since() const { return std::max(forgotten_, first_index_ == 0 ? 0 : first_index_ - 1); }

  // The first events of one index within [from, until) that concern the key; none when there is no such index.
  // REQUIRES: from >= first_index().
  std::vector<EventPtr> scan(std::string_view key, bool recursive, std::uint64_t from,
                             std::uint64_t until = UINT64_MAX) const;
  // The events of this index. REQUIRES: it is held.
  std::vector<EventPtr> at(std::uint64_t index) const;
  std::string_view bytes_at(std::uint64_t index) const { return records_[index - first_index_]; }

 private:
  HistoryLimits limits_;
  std::deque<std::string> records_;
  std::vector<EventPtr> newest_;  // of the last index, which is asked for at once
  std::uint64_t first_index_ = 0;
  std::uint64_t forgotten_ = 0;  // the last index whose events do not tell what was there before
  std::size_t bytes_ = 0;
};

}  // namespace kv
