// The rules are those of the store (etcd v2): a put makes missing parents, replaces a leaf, and fails on a directory;
// a set makes a new node, an update or a compare-and-swap keeps its created_index; a refresh takes an index but wakes
// nobody. One ordered map holds the tree, since "/a" < "/a/b" < "/b" walks it depth first.

#include "kv/client/memory_client.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "base/error.h"
#include "kv/client/key_path.h"

namespace kv {

namespace {

struct Entry {
  std::string value;
  bool directory = false;
  std::uint64_t created_index = 0;
  std::uint64_t modified_index = 0;
  std::optional<base::Clock::WallTime> expires;
};

// '/' sorts before every other byte, so that a directory's children follow it directly.
struct PathOrder {
  static int rank(char c) { return c == '/' ? -1 : static_cast<unsigned char>(c); }
  bool operator()(const std::string& a, const std::string& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](char x, char y) { return rank(x) < rank(y); });
  }
};

struct Change {
  std::uint64_t index = 0;
  Event event;
  bool directory = false;  // a removed directory: also news for those who watch below it
};

std::optional<base::Clock::WallTime> expiry(const base::Clock& clock, std::optional<std::chrono::seconds> ttl) {
  if (!ttl) return std::nullopt;
  return clock.wall_now() + *ttl;
}

}  // namespace

struct MemoryStore::State {
  explicit State(base::ManualClock& manual_clock) : clock(manual_clock) {}

  base::ManualClock& clock;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Entry, PathOrder> entries;
  std::deque<Change> history;
  std::uint64_t index = 3;
  std::uint64_t first_index = 1;  // of the history
  bool down = false;

  Node node(const std::string& key, const Entry& entry) const {
    Node result{key, entry.value, entry.directory, entry.created_index, entry.modified_index, std::nullopt};
    if (entry.expires) result.ttl = std::chrono::ceil<std::chrono::seconds>(*entry.expires - clock.wall_now());
    return result;
  }

  void record(Action action, Node changed_node, std::optional<std::string> previous, bool removed_directory = false) {
    history.push_back({index, {action, std::move(changed_node), std::move(previous)}, removed_directory});
    changed.notify_all();
  }

  void make_parents(const std::string& key) {
    for (std::size_t slash = key.find('/', 1); slash != std::string::npos; slash = key.find('/', slash + 1)) {
      std::string parent = key.substr(0, slash);
      auto [at, added] = entries.try_emplace(parent, Entry{"", true, index + 1, index + 1, std::nullopt});
      if (!added && !at->second.directory) throw base::Error("put", key, "Not a directory (" + parent + ")");
    }
  }

  void erase(const std::string& key, Action action) {
    auto at = entries.find(key);
    Entry old = at->second;
    auto end = std::next(at);
    while (end != entries.end() && is_below(end->first, key)) ++end;
    entries.erase(at, end);
    ++index;
    Node gone{key, "", old.directory, old.created_index, index, std::nullopt};
    record(action, gone, old.directory ? std::nullopt : std::optional(old.value), old.directory);
  }
};

namespace {

class MemoryClient : public Client {
 public:
  explicit MemoryClient(std::shared_ptr<MemoryStore::State> state) : state_(std::move(state)) {}

  std::optional<Node> get(const std::string& raw_key) override {
    auto lock = enter("get", raw_key);
    std::string key = clean_key(raw_key);
    auto at = state_->entries.find(key);
    if (at == state_->entries.end()) return std::nullopt;
    return state_->node(key, at->second);
  }

  Listing list(const std::string& raw_key) override {
    auto lock = enter("list", raw_key);
    std::string key = clean_key(raw_key);
    Listing listing{{}, state_->index};
    for (const auto& [path, entry] : state_->entries) {
      if (is_below(path, key) && !is_hidden_below(path, key)) listing.nodes.push_back(state_->node(path, entry));
    }
    std::sort(listing.nodes.begin(), listing.nodes.end(), [](const Node& a, const Node& b) { return a.key < b.key; });
    return listing;
  }

  std::optional<Node> put(const std::string& raw_key, const std::string& value, const PutOptions& options) override {
    auto lock = enter("put", raw_key);
    std::string key = clean_key(raw_key);
    if (key == "/") throw base::Error("put", key, "Root is read only");
    auto at = state_->entries.find(key);
    bool exists = at != state_->entries.end();
    if (options.previous_exists && *options.previous_exists != exists) return std::nullopt;
    bool compare = !options.previous_exists.value_or(true) ? false : options.previous_value || options.previous_index;
    if (compare && !exists) return std::nullopt;
    if (exists && at->second.directory) throw base::Error("put", key, "Not a file");
    if (compare && options.previous_value && at->second.value != *options.previous_value) return std::nullopt;
    if (compare && options.previous_index && at->second.modified_index != *options.previous_index) return std::nullopt;

    state_->make_parents(key);
    std::optional<std::string> previous = exists ? std::optional(at->second.value) : std::nullopt;
    bool keeps_creation = exists && (compare || options.previous_exists);
    std::uint64_t created = keeps_creation ? at->second.created_index : state_->index + 1;
    ++state_->index;
    Entry& entry = state_->entries[key];
    entry = Entry{value, false, created, state_->index, expiry(state_->clock, options.ttl)};
    state_->record(Action::kSet, state_->node(key, entry), previous);
    return state_->node(key, entry);
  }

  bool refresh(const std::string& raw_key, std::chrono::seconds ttl) override {
    auto lock = enter("refresh", raw_key);
    auto at = state_->entries.find(clean_key(raw_key));
    if (at == state_->entries.end()) return false;
    ++state_->index;
    if (!at->second.directory) at->second.modified_index = state_->index;
    at->second.expires = expiry(state_->clock, ttl);
    return true;
  }

  bool remove(const std::string& raw_key, bool recursive, const std::optional<std::string>& previous_value) override {
    auto lock = enter("remove", raw_key);
    std::string key = clean_key(raw_key);
    if (key == "/") throw base::Error("remove", key, "Root is read only");
    auto at = state_->entries.find(key);
    if (at == state_->entries.end()) return false;
    if (at->second.directory && (!recursive || previous_value)) throw base::Error("remove", key, "Not a file");
    if (previous_value && at->second.value != *previous_value) return false;
    state_->erase(key, Action::kDelete);
    return true;
  }

  void watch(const std::string& raw_key, std::uint64_t from_index,
             const std::function<bool(const Event&)>& on_event) override {
    std::string key = clean_key(raw_key);
    std::unique_lock lock = enter("watch", key);
    std::uint64_t next = from_index == 0 ? state_->index + 1 : from_index;
    while (true) {
      if (next < state_->first_index) throw Compacted{state_->index};
      std::vector<Event> events;
      for (const Change& change : state_->history) {
        if (change.index >= next && concerns(change, key)) events.push_back(change.event);
      }
      next = std::max(next, state_->index + 1);
      lock.unlock();
      for (const Event& event : events) {
        if (!on_event(event)) return;
      }
      lock.lock();
      state_->changed.wait(lock, [&] { return state_->index >= next || state_->down || cancelled_; });
      check("watch", key);
    }
  }

  bool healthy() override {
    std::lock_guard lock(state_->mutex);
    if (cancelled_) throw base::Error("store", "", "cancelled");
    return !state_->down;
  }

  void cancel() override {
    std::lock_guard lock(state_->mutex);
    cancelled_ = true;
    state_->changed.notify_all();
  }

 private:
  std::unique_lock<std::mutex> enter(std::string_view operation, const std::string& key) {
    std::unique_lock lock(state_->mutex);
    check(operation, key);
    return lock;
  }

  void check(std::string_view operation, const std::string& key) const {
    if (cancelled_) throw base::Error(operation, key, "cancelled");
    if (state_->down) throw base::Error(operation, key, "no endpoint answers");
  }

  static bool concerns(const Change& change, const std::string& key) {
    const std::string& changed = change.event.node.key;
    if (changed == key) return true;
    if (change.directory && is_below(key, changed)) return true;
    return is_below(changed, key) && !is_hidden_below(changed, key);
  }

  std::shared_ptr<MemoryStore::State> state_;
  bool cancelled_ = false;  // guarded by the state's mutex
};

}  // namespace

MemoryStore::MemoryStore(base::ManualClock& clock) : state_(std::make_shared<State>(clock)) {}
MemoryStore::~MemoryStore() = default;

std::unique_ptr<Client> MemoryStore::client() {
  return std::make_unique<MemoryClient>(state_);
}

void MemoryStore::expire() {
  std::lock_guard lock(state_->mutex);
  while (true) {
    const std::string* due = nullptr;
    base::Clock::WallTime limit = state_->clock.wall_now();
    for (const auto& [key, entry] : state_->entries) {
      if (!entry.expires || *entry.expires > limit) continue;
      if (due != nullptr && *entry.expires == limit) continue;
      due = &key;
      limit = *entry.expires;
    }
    if (due == nullptr) return;
    state_->erase(std::string(*due), Action::kExpire);
  }
}

void MemoryStore::set_down(bool down) {
  std::lock_guard lock(state_->mutex);
  state_->down = down;
  state_->changed.notify_all();
}

void MemoryStore::compact() {
  std::lock_guard lock(state_->mutex);
  state_->history.clear();
  state_->first_index = state_->index + 1;
}

}  // namespace kv
