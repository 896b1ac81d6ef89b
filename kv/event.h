#pragma once
// What a change did, as v2 clients are told: the answer to the one who asked and the news for those who watch.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

// A node as it was at one moment.
struct NodeView {
  std::string key;                        // path in the tree ("/1/foo")
  std::optional<std::string> value = {};  // none for directories and for removed nodes
  bool directory = false;
  std::optional<std::int64_t> expires_at = {};  // nanoseconds since 1970 UTC
  std::int64_t ttl = 0;                         // seconds left then, rounded up
  std::vector<NodeView> nodes = {};
  std::uint64_t modified_index = 0;
  std::uint64_t created_index = 0;
  // Of a file, as v3 clients see it (key_value.h); its mod_revision is modified_index.
  std::uint64_t create_revision = 0;
  std::uint64_t version = 0;
  std::int64_t lease = 0;
};

enum class EventAction : std::uint8_t {
  kGet = 0,
  kCreate = 1,
  kSet = 2,
  kUpdate = 3,
  kDelete = 4,
  kCompareAndSwap = 5,
  kCompareAndDelete = 6,
  kExpire = 7,
};

// "compareAndSwap"
std::string_view action_name(EventAction action);

struct StoreEvent {
  EventAction action = EventAction::kGet;
  NodeView node;
  std::optional<NodeView> previous = {};
  bool refresh = false;     // in the history, but no news
  std::uint64_t index = 0;  // of the store when it happened; of a read: when it was made
  // Keys that it took along: those in a directory that went, or one that was kept elsewhere (keyspace.h). Empty and
  // `forgets` set when they were too many to be kept: what was there before is not known any more.
  std::vector<NodeView> taken = {};
  bool forgets = false;

  // The change made a node where there was none (HTTP 201).
  bool created() const;
  // It took a directory away, and with it everything below.
  bool removes_directory() const;
};

using EventPtr = std::shared_ptr<const StoreEvent>;

// What decides for whom an event is news.
struct EventGist {
  EventAction action = EventAction::kGet;
  bool refresh = false;
  bool directory = false;
  std::string_view key;

  bool removes_directory() const;
};
EventGist gist_of(const StoreEvent& event);

}  // namespace kv
