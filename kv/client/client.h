#pragma once
// The store as the other rooms see it: keys in directories, conditions, leases by TTL, watches. An interface with a
// real implementation (connect) and one in memory for tests (memory_client.h).
//
// Keys are absolute paths ("/skydns/local/skydns/web"). Values are UTF-8 text. Errors of the store or the network are
// base::Error; expected outcomes are values. Blocking; one object a thread, cancel() excepted.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kv/client/client_tls.h"

namespace kv {

struct Node {
  std::string key;
  std::string value;
  bool directory = false;
  std::uint64_t created_index = 0;
  std::uint64_t modified_index = 0;
  std::optional<std::chrono::seconds> ttl;  // time left when it was read
};

enum class Action { kSet, kDelete, kExpire };

struct Event {
  Action action = Action::kSet;
  Node node;  // for kDelete and kExpire only the key and the indices count
  std::optional<std::string> previous_value;
};

struct PutOptions {
  std::optional<std::chrono::seconds> ttl = {};
  std::optional<bool> previous_exists = {};        // true: only update; false: only create
  std::optional<std::string> previous_value = {};  // compare and swap
  std::optional<std::uint64_t> previous_index = {};
};

struct Listing {
  std::vector<Node> nodes;  // every leaf and directory below the key, sorted by key; empty when there is none
  std::uint64_t index = 0;  // the store's index: watch from index + 1 to miss nothing
};

class Client {
 public:
  virtual ~Client() = default;

  virtual std::optional<Node> get(const std::string& key) = 0;
  // The whole subtree, recursively, hidden nodes (names with "_") below `key` left out as the store does.
  virtual Listing list(const std::string& key) = 0;

  // The node as written, or nothing when a condition did not hold (exists already, is missing, differs).
  virtual std::optional<Node> put(const std::string& key, const std::string& value, const PutOptions& options = {}) = 0;
  // Renews the TTL without touching the value and without waking watchers. False when the key is gone.
  virtual bool refresh(const std::string& key, std::chrono::seconds ttl) = 0;
  // False when there was none, or a condition did not hold.
  virtual bool remove(const std::string& key, bool recursive = false,
                      const std::optional<std::string>& previous_value = {}) = 0;

  // Calls `on_event` for every change at or below `key` from `from_index` on, in order, until it returns false or
  // cancel() is called. Reconnects by itself. Throws kv::Compacted when the history does not reach back to
  // `from_index`: list again and watch from there. Throws base::Error when no endpoint answers.
  virtual void watch(const std::string& key, std::uint64_t from_index,
                     const std::function<bool(const Event&)>& on_event) = 0;

  // True when the store answers reads and writes can reach it.
  virtual bool healthy() = 0;

  // Ends a call under way in another thread with base::Error "cancelled", and every later one.
  virtual void cancel() = 0;
};

// The history was cleared: list again, then watch from Listing::index + 1.
struct Compacted {
  std::uint64_t index = 0;  // the store's index when it said so
};

// `endpoints`: comma-separated URLs, tried in turn. Throws base::Error for a malformed one; connects on first use.
std::unique_ptr<Client> connect(const std::string& endpoints,
                                std::chrono::milliseconds request_timeout = std::chrono::milliseconds(5000),
                                const ClientTls& tls = tls_from_environment());

}  // namespace kv
