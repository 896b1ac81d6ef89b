#include "kv/checkpointer.h"

#include <cassert>

#include "base/error.h"
#include "base/log.h"

namespace kv {

namespace {
constexpr std::chrono::seconds kRetryPause{1};
}

Checkpointer::Checkpointer(Checkpoint& checkpoint, Post post, Callbacks callbacks)
    : checkpoint_(checkpoint), post_(std::move(post)), callbacks_(std::move(callbacks)), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  stop();
}

void Checkpointer::save(StoreChanges changes, RaftBase base) {
  assert(!busy_);
  busy_ = true;
  {
    std::lock_guard lock(mutex_);
    changes_ = std::move(changes);
    base_ = std::move(base);
  }
  wake_.notify_one();
}

void Checkpointer::instead(const std::function<void(Checkpoint&)>& work) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !writing_; });
  if (changes_) {
    changes_.reset();
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
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  bool was_full = false;
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || changes_; });
    if (!changes_) return;
    writing_ = true;
    lock.unlock();
    bool saved = false;
    try {
      saved = checkpoint_.save(*changes_, base_);
    } catch (const base::Error& error) {
      post_([this, reason = std::string(error.what())] { callbacks_.failed(reason); });
      return;
    }
    lock.lock();
    writing_ = false;
    idle_.notify_all();
    if (!changes_) continue;
    if (saved) {
      if (was_full) base::log_info("checkpoint: the disk has space again");
      was_full = false;
      post_([this, position = changes_->position] {
        busy_ = false;
        callbacks_.saved(position);
      });
      changes_.reset();
      continue;
    }
    if (!was_full) base::log_warning("checkpoint: the disk is full; trying again until there is space");
    was_full = true;
    if (stopping_) return;
    wake_.wait_for(lock, kRetryPause, [this] { return stopping_; });
  }
}

}  // namespace kv
