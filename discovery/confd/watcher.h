#pragma once
// Which keys have changed, told by one watching thread for each.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "discovery/confd/resource.h"
#include "kv/client/client.h"

namespace discovery::confd {

// Keys that changed since they were last taken. Any thread.
class Changes {
 public:
  void mark(const std::string& key);
  // Waits for a change, at most `patience`, and then for the end of its burst: until nothing came for `quiet`, or
  // `most` has gone by. Empty: nothing changed, or stop() was called.
  std::set<std::string> take(std::chrono::milliseconds patience,
                             std::chrono::milliseconds quiet = std::chrono::milliseconds(100),
                             std::chrono::milliseconds most = std::chrono::milliseconds(1000));
  void stop();
  bool stopped();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> keys_;
  bool stopped_ = false;
};

// Marks its key at first, and after every change at or below it. It lists and watches again when the store has
// forgotten the history, and when the store was away, marking the key for what was missed.
class Watcher {
 public:
  Watcher(std::unique_ptr<kv::Client> store, std::string key, Changes& changes,
          std::chrono::milliseconds retry_after = std::chrono::milliseconds(2000));
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  void run();

  std::unique_ptr<kv::Client> store_;
  std::string key_;
  Changes& changes_;
  std::chrono::milliseconds retry_after_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// The keys to watch for these resources: those that are below another one are left out. Pure.
std::set<std::string> keys_to_watch(const std::vector<Resource>& resources);

// True when a change at `watched` or below it may concern the resource.
bool concerns(const std::string& watched, const Resource& resource);

}  // namespace discovery::confd
