#pragma once
// The zone's supply: a thread that lists the store once and then watches it, and hands every change to the loop. When
// the store is gone the zone stays as it is; the thread comes back to it by itself.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

#include "base/event_loop.h"
#include "discovery/responder.h"
#include "kv/client/client.h"

namespace discovery {

// Runs a piece of work on the loop's thread, later, in order.
using Post = std::function<void(std::function<void()>)>;

class Feed {
 public:
  // `snapshot` belongs to the loop's thread and must outlive the work posted. `prefix`: "skydns".
  Feed(std::unique_ptr<kv::Client> store, std::string prefix, Snapshot& snapshot, Post post,
       std::chrono::milliseconds retry_after = std::chrono::milliseconds(1000));
  ~Feed();  // ends the thread; the loop must not run any more

 private:
  void run();
  void list_and_watch();
  void to_loop(std::function<void(Snapshot&)> change);
  bool stopping();

  // Changes on their way to the loop; more wait in the store.
  static constexpr std::ptrdiff_t kMaxPending = 4096;

  std::unique_ptr<kv::Client> store_;
  std::string prefix_;
  Snapshot& snapshot_;
  Post post_;
  std::chrono::milliseconds retry_after_;
  std::shared_ptr<std::counting_semaphore<kMaxPending>> room_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace discovery
