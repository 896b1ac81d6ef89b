#include "kv/checkpointer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cassert>

#include "base/error.h"
#include "base/log.h"

namespace kv {

namespace {

constexpr std::chrono::seconds kRetryPause{1};

// Of the processor's time the requests come first.
void give_way() {
  constexpr int kNice = 10;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

}  // namespace

Checkpointer::Checkpointer(Checkpoint& checkpoint, Post post, Callbacks callbacks)
    : checkpoint_(checkpoint), post_(std::move(post)), callbacks_(std::move(callbacks)), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  stop();
}

void Checkpointer::add(StoreChanges changes) {
  waiting_ += 1 + changes.nodes.size() + changes.removed.size() + changes.events.size();
  portions_.push_back(std::move(changes));
}

std::vector<StoreChanges> Checkpointer::take_waiting() {
  waiting_ = 0;
  return std::exchange(portions_, {});
}

void Checkpointer::save(RaftBase base) {
  assert(!busy_ && !portions_.empty());
  busy_ = true;
  std::vector<StoreChanges> portions = take_waiting();
  {
    std::lock_guard lock(mutex_);
    changes_ = std::move(portions);
    base_ = std::move(base);
  }
  wake_.notify_one();
}

void Checkpointer::instead(const std::function<void(Checkpoint&)>& work) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !writing_; });
  take_waiting();
  if (!changes_.empty()) {
    changes_.clear();
    busy_ = false;
  }
  work(checkpoint_);
}

void Checkpointer::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  busy_ = !changes_.empty();
}

void Checkpointer::run() {
  give_way();
  std::unique_lock lock(mutex_);
  bool was_full = false;
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !changes_.empty(); });
    if (changes_.empty()) return;
    writing_ = true;
    lock.unlock();
    bool saved = false;
    try {
      saved = checkpoint_.save(changes_, base_);
    } catch (const base::Error& error) {
      post_([this, reason = std::string(error.what())] { callbacks_.failed(reason); });
      lock.lock();
      writing_ = false;  // instead() may wait
      idle_.notify_all();
      return;
    }
    lock.lock();
    writing_ = false;
    idle_.notify_all();
    if (changes_.empty()) continue;
    if (saved) {
      if (was_full) base::log_info("checkpoint: the disk has space again");
      was_full = false;
      post_([this, position = changes_.back().position] {
        busy_ = false;
        callbacks_.saved(position);
      });
      changes_.clear();
      continue;
    }
    if (!was_full) base::log_warning("checkpoint: the disk is full; trying again until there is space");
    was_full = true;
    if (stopping_) return;
    wake_.wait_for(lock, kRetryPause, [this] { return stopping_; });
  }
}

}  // namespace kv
