#include "kv/wal_journal.h"

#include <chrono>
#include <exception>

#include "base/error.h"
#include "base/log.h"

namespace kv {

namespace {
constexpr std::chrono::milliseconds kRetryPause{200};  // on a full disk
}

WalJournal::WalJournal(Wal& wal, Post post, std::function<void(const std::string&)> failed)
    : wal_(wal), post_(std::move(post)), failed_(std::move(failed)), thread_([this] { run(); }) {}

WalJournal::~WalJournal() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

JournalContent WalJournal::take_content() {
  WalContent content = wal_.take_content();
  return {content.state, content.first_index, std::move(content.entries)};
}

void WalJournal::append(std::vector<RaftEntry> entries, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back({std::move(entries), std::move(done)});
  }
  wake_.notify_one();
}

void WalJournal::forget(std::uint64_t index) {
  std::lock_guard lock(mutex_);
  forget_to_ = std::max(forget_to_, index);
}

void WalJournal::save_state(const HardState& state) {
  in_order([&] { wal_.save_state(state); });
}

void WalJournal::reset(std::uint64_t index) {
  in_order([&] { wal_.reset(index); });
}

void WalJournal::in_order(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return broken_ || (queue_.empty() && !writing_); });
  if (broken_) throw base::Error("write the log", "", "it has failed before");
  work();
}

void WalJournal::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::deque<Write> group;
    group.swap(queue_);
    const std::uint64_t forget_to = std::exchange(forget_to_, 0);
    writing_ = true;
    lock.unlock();
    bool written = write_group(std::move(group), forget_to);
    lock.lock();
    writing_ = false;
    broken_ = !written;
    if (queue_.empty() || broken_) idle_.notify_all();
    if (broken_) return;
  }
}

// False when the disk failed, or was full until the end.
bool WalJournal::write_group(std::deque<Write> group, std::uint64_t forget_to) {
  while (true) {
    try {
      append_merged(group);
      if (forget_to > 0) wal_.forget(forget_to);
      break;
    } catch (const StorageFull&) {
      if (!full_) base::log_warning("log: the disk is full; trying again until there is space");
      full_ = true;
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kRetryPause, [this] { return stopping_; })) return false;
    } catch (const std::exception& error) {
      post_([this, reason = std::string(error.what())] { failed_(reason); });
      return false;
    }
  }
  if (full_.exchange(false)) base::log_info("log: the disk has space again");
  post_([group = std::make_shared<std::deque<Write>>(std::move(group))] {
    for (Write& write : *group) write.done();
  });
  return true;
}

// One frame for what follows without a gap; a write that voids entries of the one before begins a frame of its own.
void WalJournal::append_merged(std::deque<Write>& group) {
  constexpr std::size_t kMaxFrame = 4 * 1024 * 1024;  // bytes of entries, about
  std::vector<RaftEntry> merged;
  std::size_t bytes = 0;
  auto flush = [&] {
    if (merged.empty()) return;
    wal_.append(merged);
    merged.clear();
    bytes = 0;
  };
  for (const Write& write : group) {
    if (!merged.empty() && write.entries.front().index != merged.back().index + 1) flush();
    for (const RaftEntry& entry : write.entries) {
      if (bytes > kMaxFrame) flush();
      bytes += entry.bytes().size();
      merged.push_back(entry);
    }
  }
  flush();
}

}  // namespace kv
