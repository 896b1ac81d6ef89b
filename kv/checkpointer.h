#pragma once
// Writes checkpoints in a thread of its own, so that no request waits for them.

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

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

  // Owner's thread. Changes are given in portions, so that no request waits long for a copy of them, and are saved
  // together. Those that came while it was busy wait for the next save().
  void add(StoreChanges changes);
  // Changes that wait, about; the owner bounds them.
  std::size_t waiting() const { return waiting_; }
  std::vector<StoreChanges> take_waiting();
  // REQUIRES: !busy(), and something waits. On a full disk it tries again every second, until it succeeds or is
  // stopped.
  void save(RaftBase base);
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
  // Of the owner's thread.
  bool busy_ = false;
  std::vector<StoreChanges> portions_;
  std::size_t waiting_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<StoreChanges> changes_;  // to be saved
  RaftBase base_;
  bool writing_ = false;
  std::condition_variable idle_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kv
