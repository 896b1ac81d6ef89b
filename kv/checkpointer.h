#pragma once
// Writes checkpoints in a thread of its own, so that no request waits for them.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "kv/checkpoint.h"
#include "kv/engine.h"

namespace kv {

class Checkpointer {
 public:
  // Both callbacks are posted. `saved`: the position is durable. `failed`: the disk does not keep what it is given.
  struct Callbacks {
    std::function<void(const Position&)> saved;
    std::function<void(const std::string&)> failed;
  };
  Checkpointer(Checkpoint& checkpoint, Post post, Callbacks callbacks);
  ~Checkpointer();

  // Owner's thread. REQUIRES: !busy(). On a full disk it tries again every second, until it succeeds or is stopped.
  void save(StoreChanges changes, RaftBase base);
  bool busy() const { return busy_; }

  // Runs `work` on the checkpoint while the thread leaves it alone; what was to be saved is dropped.
  void instead(const std::function<void(Checkpoint&)>& work);

  // Finishes the one under way, then stops.
  void stop();

 private:
  void run();

  Checkpoint& checkpoint_;
  Post post_;
  Callbacks callbacks_;
  bool busy_ = false;  // owner's thread

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<StoreChanges> changes_;
  RaftBase base_;
  bool writing_ = false;
  std::condition_variable idle_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kv
