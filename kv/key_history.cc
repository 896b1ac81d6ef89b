#include "kv/key_history.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "kv/event_bytes.h"
#include "kv/keyspace.h"

namespace kv {

namespace {

void took(std::vector<KeyChange>& changes, const NodeView& view, std::uint64_t index) {
  std::optional<std::string> key = key_of_path(view.key);
  if (!key || view.directory) return;
  KeyChange change{.before = key_value_of(view, *key), .after = {.key = *key, .mod_revision = index}};
  changes.push_back(std::move(change));
}

// Files of the range, or a directory that may have held some.
bool may_touch(const EventGist& gist, const KeyRange& range) {
  if (gist.directory) return true;
  const std::optional<std::string> key = key_of_path(gist.key);
  return key && range.contains(*key);
}

}  // namespace

std::vector<KeyChange> key_changes(const StoreEvent& event) {
  std::vector<KeyChange> changes;
  for (const NodeView& view : event.taken) took(changes, view, event.index);
  if (event.previous) took(changes, *event.previous, event.index);
  const std::optional<std::string> key = key_of_path(event.node.key);
  if (key && event.node.value) {
    KeyValue after = key_value_of(event.node, *key);
    auto known = std::ranges::find(changes, *key, [](const KeyChange& change) { return change.after.key; });
    if (known != changes.end()) {
      known->after = std::move(after);
    } else {
      changes.push_back({std::nullopt, std::move(after)});
    }
  }
  std::ranges::sort(changes, {}, [](const KeyChange& change) -> const std::string& { return change.after.key; });
  return changes;
}

PastKeys keys_at(const History& history, const KeyRange& range, std::uint64_t revision) {
  assert(revision >= history.known_since());
  PastKeys past;
  for (std::uint64_t index = history.last_index(); index > revision; --index) {
    GistReader gists(history.bytes_at(index));
    bool touched = false;
    for (auto gist = gists.next(); gist && !touched; gist = gists.next()) touched = may_touch(*gist, range);
    if (!touched) continue;
    for (const StoreEvent& event : decode_events(history.bytes_at(index))) {
      for (KeyChange& change : key_changes(event)) {
        if (range.contains(change.after.key)) past[change.after.key] = std::move(change.before);
      }
    }
  }
  return past;
}

}  // namespace kv
