#pragma once
// The last events, for those who watch from an index in the past. Bounded by count and by bytes; the oldest go first.
// Every index of the store has exactly one event, so an index is a position. Kept as their bytes on disk, which are a
// fifth of what they are in memory. One thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "kv/event.h"

namespace kv {

// Is the event news for one who watches `key`? Yes when it happened there, when it happened below (recursive watches,
// hidden paths excepted), and when a directory above was removed. A refresh is no news for anybody.
bool concerns(const EventGist& event, std::string_view key, bool recursive);
bool concerns(const StoreEvent& event, std::string_view key, bool recursive);

struct HistoryLimits {
  std::size_t events = 100'000;
  std::size_t bytes = 64 * 1024 * 1024;  // keys and values, and about what holds them
};

class History {
 public:
  explicit History(HistoryLimits limits = {}) : limits_(limits) {}

  // REQUIRES: event->index is last_index() + 1, or the history is empty.
  void add(EventPtr event);

  const HistoryLimits& limits() const { return limits_; }
  bool empty() const { return events_.empty(); }
  std::size_t size() const { return events_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t first_index() const { return first_index_; }
  std::uint64_t last_index() const { return events_.empty() ? 0 : first_index_ + events_.size() - 1; }

  // The first event at or after `from` that concerns the key, or null. REQUIRES: from >= first_index().
  EventPtr scan(std::string_view key, bool recursive, std::uint64_t from) const;
  // The event with this index. REQUIRES: it is held.
  EventPtr at(std::uint64_t index) const;
  std::string_view bytes_at(std::uint64_t index) const { return events_[index - first_index_]; }

 private:
  HistoryLimits limits_;
  std::deque<std::string> events_;
  EventPtr newest_;  // the last one, which is asked for at once
  std::uint64_t first_index_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kv
