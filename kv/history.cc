#include "kv/history.h"

#include <algorithm>
#include <cassert>

#include "kv/client/key_path.h"

namespace kv {

namespace {

std::size_t footprint(const std::string& event) {
  constexpr std::size_t kObject = sizeof(std::string);
  return kObject + event.size();
}

}  // namespace

bool concerns(const EventGist& event, std::string_view key, bool recursive) {
  if (event.refresh) return false;
  if (event.key == key) return true;
  if (event.removes_directory() && is_below(key, event.key)) return true;
  return recursive && is_below(event.key, key) && !is_hidden_below(event.key, key);
}

bool concerns(const StoreEvent& event, std::string_view key, bool recursive) {
  return concerns(gist_of(event), key, recursive);
}

void History::add(EventPtr event) {
  assert(events_.empty() || event->index == last_index() + 1);
  if (events_.empty()) first_index_ = event->index;
  events_.push_back(encode(*event));
  bytes_ += footprint(events_.back());
  newest_ = std::move(event);
  while (events_.size() > 1 && (events_.size() > limits_.events || bytes_ > limits_.bytes)) {
    bytes_ -= footprint(events_.front());
    events_.pop_front();
    ++first_index_;
  }
}

EventPtr History::at(std::uint64_t index) const {
  if (index == newest_->index) return newest_;
  return std::make_shared<const StoreEvent>(decode_event(events_[index - first_index_]));
}

EventPtr History::scan(std::string_view key, bool recursive, std::uint64_t from) const {
  return scan(key, recursive, from, last_index() + 1);
}

EventPtr History::scan(std::string_view key, bool recursive, std::uint64_t from, std::uint64_t until) const {
  if (events_.empty() || from > last_index()) return nullptr;
  assert(from >= first_index_);
  const std::size_t end = std::min<std::uint64_t>(until - std::min(until, first_index_), events_.size());
  for (std::size_t i = from - first_index_; i < end; ++i) {
    if (concerns(decode_gist(events_[i]), key, recursive)) return at(first_index_ + i);
  }
  return nullptr;
}

}  // namespace kv
