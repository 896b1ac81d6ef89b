#pragma once
// The replicated state machine: the tree, the history and the one revision counter, changed by commands alone. The same
// commands in the same order give the same state on every member: no clock, no I/O, no threads, no random order here.
//
// The rules are etcd v2's (etcd 3.4 server/etcdserver/api/v2store/store.go) for nodes, and v3's for the same data as
// keys (keyspace.h), leases and transactions; where they differ docs/kv.md says so. One thread.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kv/command.h"
#include "kv/event.h"
#include "kv/history.h"
#include "kv/leases.h"
#include "kv/store_error.h"
#include "kv/transaction.h"
#include "kv/tree.h"

namespace kv {

// Of a command for nodes an event or an error; of one for keys or leases its answer, which has errors of its own.
using Result = std::variant<EventPtr, StoreError, KeysAnswer>;

// Of keys and values that one revision took away: when there is more, its events do not hold them.
inline constexpr std::size_t kMaxTakenBytes = std::size_t{16} << 20;

struct Applied {
  Result result;                      // for the one who asked; a null event for kExpire
  std::vector<EventPtr> events = {};  // for those who watch (refreshes too: the hub knows), in order
};

// A node as the checkpoint keeps it.
struct NodeRow {
  std::string path;
  std::string value = {};
  bool directory = false;
  std::uint64_t created_index = 0;
  std::uint64_t modified_index = 0;
  std::int64_t expires_at = 0;  // nanoseconds since 1970 UTC, 0: never
  std::uint64_t create_revision = 0;
  std::uint64_t version = 0;
  std::int64_t lease = 0;
};

// How far the state reaches.
struct Position {
  std::uint64_t revision = 0;       // the store's index (X-Etcd-Index)
  std::uint64_t applied_index = 0;  // last entry of the engine's log that is in the state
  std::uint64_t applied_term = 0;
};

// What changed since the last take_changes(): a checkpoint that applies it, in this order, holds the state at
// `position`.
struct StoreChanges {
  Position position;
  std::vector<std::string> removed;  // paths; some may be there again, or never have been in a checkpoint
  std::vector<NodeRow> nodes;        // added or changed; a directory stands before what is in it
  std::uint64_t first_new_event = 0;
  std::vector<std::string> events;  // new in the history, without a gap: encode(StoreEvent)
  std::uint64_t first_event = 0;    // older ones have left the history
};

// The whole state.
struct StoreImage {
  Position position;
  std::vector<NodeRow> nodes;       // any order in which a directory stands before what is in it
  std::vector<std::string> events;  // by index, without a gap: encode(StoreEvent)
};

struct StoreStats {
  std::uint64_t gets_success = 0, gets_fail = 0, sets_success = 0, sets_fail = 0, delete_success = 0, delete_fail = 0,
                update_success = 0, update_fail = 0, create_success = 0, create_fail = 0, compare_and_swap_success = 0,
                compare_and_swap_fail = 0, compare_and_delete_success = 0, compare_and_delete_fail = 0,
                expire_count = 0;
};

// Tells whether something changed since one looked. Never 0, and never the same again, also when all is replaced.
class ChangeCounter {
 public:
  ChangeCounter() = default;
  ChangeCounter(const ChangeCounter&) = default;
  ~ChangeCounter() = default;
  ChangeCounter& operator=(const ChangeCounter& other) {
    value_ = std::max(value_, other.value_) + 1;
    return *this;
  }
  void count() { ++value_; }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 1;
};

class Store {
 public:
  explicit Store(HistoryLimits limits = {});

  // REQUIRES: log_index > position().applied_index.
  Applied apply(const Command& command, std::uint64_t log_index, std::uint64_t term);

  // An entry of the engine's own: only the position moves. The same requirement.
  void skip(std::uint64_t log_index, std::uint64_t term);

  // `now`: nanoseconds since 1970 UTC, for the remaining TTLs. Counted in the statistics.
  Result get(const std::string& key, bool recursive, std::int64_t now);

  // The node with everything below (hidden nodes excepted), or nothing; for our own use, so it is not counted.
  std::optional<NodeView> peek(const std::string& key) const;

  // --- keys and leases

  // REQUIRES: check() finds nothing wrong with a transaction of it.
  std::variant<RangeAnswer, KeyError> range(const RangeRequest& request) const;
  // The answer to a transaction that reads only, now.
  KeysAnswer read(const Transaction& transaction) const;
  // States before this revision are not known any more.
  std::uint64_t compacted() const;

  std::optional<Lease> lease(std::int64_t id) const;
  std::vector<Lease> leases() const;                              // by id
  std::vector<std::string> keys_of_lease(std::int64_t id) const;  // in the order of their bytes

  // --- watches, expiry, size

  // Error 401 when a watch from `since` (> 0) would miss events that have left the history.
  std::optional<StoreError> history_gap(std::uint64_t since) const;
  const History& history() const { return history_; }

  std::uint64_t revision() const { return position_.revision; }
  const Position& position() const { return position_; }
  std::size_t node_count() const { return tree_.size(); }
  std::uint64_t bytes() const { return tree_.bytes(); }  // of the nodes, without the history
  std::optional<std::int64_t> next_expiry() const;
  // The latest time up to `now` for a kExpire that ends about `count` nodes at most (more when they end at once).
  std::int64_t expiry_cutoff(std::size_t count, std::int64_t now) const;

  // Each moves when something below changes: the members (/0/members, /0/removed_members), users and roles (/2).
  std::uint64_t member_changes() const { return member_changes_.value(); }
  std::uint64_t auth_changes() const { return auth_changes_.value(); }

  const StoreStats& stats() const { return stats_; }
  void reset_stats() { stats_ = {}; }

  // A checksum over every node and the position: two members that applied the same entries have the same one.
  std::uint64_t digest() const;

  StoreChanges take_changes();
  // Replaces all. Throws base::Error for an image that contradicts itself, and has changed nothing then.
  void restore(const StoreImage& image);

 private:
  static bool read_only(std::string_view path);
  void fill(const StoreImage& image);  // store_state.cc
  Result set(const Command& command);
  Result create(const Command& command);
  Result update(const Command& command);
  Result compare_and_swap(const Command& command);
  Result remove(const Command& command);
  Result compare_and_delete(const Command& command);
  std::vector<EventPtr> expire(std::int64_t cutoff);

  // store_members.cc
  Applied change_member(const Command& command);
  std::optional<ErrorCode> member_refusal(const Command& command) const;

  // store_keys.cc, store_leases.cc
  class KeyWriter;
  Applied transact(const Command& command);
  Applied compact(const Command& command);
  Applied change_lease(const Command& command);
  KeysAnswer grant_lease(const Command& command);
  std::vector<EventPtr> end_lease(TreeNode& node, std::int64_t id, EventAction action, std::int64_t now);
  RangeAnswer collect(const RangeRequest& request, const std::vector<EventPtr>& unrecorded) const;
  std::optional<KeyError> refusal(const Request& request) const;

  std::variant<TreeNode*, StoreError> find(const std::string& key) const;
  StoreError error(ErrorCode code, std::string cause) const;
  std::optional<StoreError> compare(const TreeNode& node, const Command& command) const;
  Result put_node(const Command& command, const std::string& key, bool replace, EventAction action);
  TreeNode& make_node(const Command& command, const std::string& key, TreeNode* present, std::uint64_t index);
  void note_change(TreeNode& node, std::uint64_t index, std::int64_t lease = 0);
  static void take_along(StoreEvent& event, const TreeNode& node);
  EventPtr record(StoreEvent event);
  void record(std::vector<EventPtr> events);

  Tree tree_;
  History history_;
  Position position_;
  StoreStats stats_;
  std::uint64_t checkpointed_revision_ = 0;
  ChangeCounter member_changes_;
  ChangeCounter auth_changes_;
};

}  // namespace kv
