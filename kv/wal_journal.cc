#include "kv/wal_journal.h"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace kv {

namespace {

constexpr std::chrono::milliseconds kRetryPause{200};  // on a full disk

// Everybody waits for this thread, and it needs the processor for moments only: with a short slice the kernel (from
// 6.12 on, sched(7)) lets it have one at once, where it would wait for the end of another thread's. Others ignore it.
void ask_for_short_slices() {
  constexpr std::chrono::nanoseconds kSlice{100'000};
  sched_attr attributes{};
  if (::sched_getattr(0, &attributes, sizeof attributes, 0) != 0 || attributes.sched_policy != SCHED_OTHER) return;
  attributes.sched_runtime = static_cast<std::uint64_t>(kSlice.count());
  ::sched_setattr(0, &attributes, 0);
}

}  // namespace

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

LogContent WalJournal::take_content() {
  return wal_.take_content();
}

void WalJournal::append(std::vector<RaftEntry> entries, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back({std::move(entries), std::move(done), resets_});
  }
  wake_.notify_one();
}

void WalJournal::forget(std::uint64_t index) {
  std::lock_guard lock(mutex_);
  forget_to_ = std::max(forget_to_, index);
}

void WalJournal::save_state(const HardState& state) {
  between_writes([&] { wal_.save_state(state); });
}

void WalJournal::reset(std::uint64_t index) {
  between_writes([&] {
    wal_.reset(index);
    ++resets_;
  });
}

void WalJournal::between_writes(const std::function<void()>& work) {
  std::lock_guard lock(wal_mutex_);
  if (broken_) throw base::Error("write", "the log", "it has failed before");
  work();
}

void WalJournal::run() {
  ask_for_short_slices();
  while (true) {
    std::deque<Write> group;
    std::uint64_t forget_to = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      group.swap(queue_);
      forget_to = std::exchange(forget_to_, 0);
    }
    if (!write_group(std::move(group), forget_to)) return;
  }
}

// False when the disk failed, or was full until the end.
bool WalJournal::write_group(std::deque<Write> group, std::uint64_t forget_to) {
  while (true) {
    try {
      std::lock_guard lock(wal_mutex_);
      append_merged(group);
      if (forget_to > 0) wal_.forget(forget_to);
      break;
    } catch (const StorageFull&) {
      if (!full_) base::log_warning("log: the disk is full; trying again until there is space");
      full_ = true;
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kRetryPause, [this] { return stopping_; })) return false;
    } catch (const std::exception& error) {
      std::lock_guard lock(wal_mutex_);
      broken_ = true;
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
  if (group.size() == 1) {
    if (group.front().resets == resets_) wal_.append(group.front().entries);
    return;
  }
  std::vector<RaftEntry> merged;
  std::size_t bytes = 0;
  auto flush = [&] {
    if (merged.empty()) return;
    wal_.append(merged);
    merged.clear();
    bytes = 0;
  };
  for (Write& write : group) {
    if (write.resets != resets_) continue;  // a snapshot took the place of these entries
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
