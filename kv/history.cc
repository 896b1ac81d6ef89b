#include "kv/history.h"

#include <cassert>

#include "kv/client/key_path.h"

namespace kv {

namespace {

std::size_t footprint(const NodeView& view) {
  return sizeof(NodeView) + view.key.size() + (view.value ? view.value->size() : 0);
}

std::size_t footprint(const StoreEvent& event) {
  return footprint(event.node) + (event.previous ? footprint(*event.previous) : 0);
}

}  // namespace

bool concerns(const StoreEvent& event, std::string_view key, bool recursive) {
  if (event.refresh) return false;
  if (event.node.key == key) return true;
  if (event.removes_directory() && is_below(key, event.node.key)) return true;
  return recursive && is_below(event.node.key, key) && !is_hidden_below(event.node.key, key);
}

void History::add(EventPtr event) {
  assert(events_.empty() || event->index == last_index() + 1);
  bytes_ += footprint(*event);
  events_.push_back(std::move(event));
  while (events_.size() > 1 && (events_.size() > limits_.events || bytes_ > limits_.bytes)) {
    bytes_ -= footprint(*events_.front());
    events_.pop_front();
  }
}

EventPtr History::scan(std::string_view key, bool recursive, std::uint64_t from) const {
  if (events_.empty() || from > last_index()) return nullptr;
  assert(from >= first_index());
  for (std::size_t i = from - first_index(); i < events_.size(); ++i) {
    if (concerns(*events_[i], key, recursive)) return events_[i];
  }
  return nullptr;
}

}  // namespace kv
