#pragma once
// What events say about keys, and the state of keys at a revision in the past: today's, with the events since then
// undone. So a past that nobody asks for costs nothing beside the history that watches need, and one that is asked for
// costs as many steps as there were changes since. Pure functions; one thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kv/event.h"
#include "kv/history.h"
#include "kv/key_value.h"

namespace kv {

// In the order of the keys' bytes, each key once. None for events of directories alone, of cluster facts, of users.
std::vector<KeyChange> key_changes(const StoreEvent& event);

// The keys of the range that have changed after `revision`, with what they were then: nothing when there was no such
// key. REQUIRES: history.known_since() <= revision.
using PastKeys = std::map<std::string, std::optional<KeyValue>, std::less<>>;
PastKeys keys_at(const History& history, const KeyRange& range, std::uint64_t revision);

}  // namespace kv
