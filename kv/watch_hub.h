#pragma once
// Who waits for what. A watch costs nothing until an event for it comes; an event costs a look-up for each part of its
// path. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kv/event.h"

namespace kv {

struct Watch {
  std::string key;  // clean path in the tree
  bool recursive = false;
  bool stream = false;      // all events; otherwise the first one ends the watch
  std::uint64_t since = 0;  // events before this index are no news
};

class WatchHub {
 public:
  using Deliver = std::function<void(const EventPtr&)>;

  // `deliver` may call remove() and add(). Returns the watch's id, never 0.
  std::uint64_t add(Watch watch, Deliver deliver);
  // No effect for a watch that has ended.
  void remove(std::uint64_t id);

  void notify(const EventPtr& event);
  // Ends all watches: each is delivered a null event.
  void clear();

  std::size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    Watch watch;
    std::shared_ptr<const Deliver> deliver;
  };
  using Watchers = std::map<std::uint64_t, Entry>;

  std::map<std::string, Watchers, std::less<>> watchers_;  // by key
  std::map<std::uint64_t, std::string> keys_;              // by id
  std::uint64_t last_id_ = 0;
};

}  // namespace kv
