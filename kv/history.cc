#include "kv/history.h"

#include <algorithm>
#include <cassert>

#include "kv/client/key_path.h"
#include "kv/event_bytes.h"

namespace kv {

namespace {

std::size_t footprint(const std::string& record) {
  constexpr std::size_t kObject = sizeof(std::string);
  return kObject + record.size();
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

void History::add(std::vector<EventPtr> events) {
  const std::uint64_t index = events.front()->index;
  assert(records_.empty() || index == last_index() + 1);
  if (records_.empty()) first_index_ = index;
  if (std::ranges::any_of(events, [](const EventPtr& event) { return event->forgets; })) forgotten_ = index;
  records_.push_back(encode(events));
  bytes_ += footprint(records_.back());
  newest_ = std::move(events);
  while (records_.size() > 1 && (records_.size() > limits_.events || bytes_ > limits_.bytes)) {
    bytes_ -= footprint(records_.front());
    records_.pop_front();
    ++first_index_;
  }
}

std::vector<EventPtr> History::at(std::uint64_t index) const {
  if (index == newest_.front()->index) return newest_;
  std::vector<EventPtr> events;
  for (StoreEvent& event : decode_events(bytes_at(index))) {
    events.push_back(std::make_shared<const StoreEvent>(std::move(event)));
  }
  return events;
}

std::vector<EventPtr> History::scan(std::string_view key, bool recursive, std::uint64_t from,
                                    std::uint64_t until) const {
  if (records_.empty() || from > last_index()) return {};
  assert(from >= first_index_);
  for (std::uint64_t index = from; index < std::min(until, last_index() + 1); ++index) {
    GistReader gists(bytes_at(index));
    bool concerned = false;
    for (auto gist = gists.next(); gist && !concerned; gist = gists.next()) concerned = concerns(*gist, key, recursive);
    if (!concerned) continue;
    std::vector<EventPtr> events = at(index);
    std::erase_if(events, [&](const EventPtr& event) { return !concerns(*event, key, recursive); });
    return events;
  }
  return {};
}

}  // namespace kv
