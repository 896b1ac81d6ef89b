#pragma once
// A journal on a Wal, written by a thread of its own: all that was appended during a flush is written with the next
// one.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "kv/engine.h"
#include "kv/journal.h"
#include "kv/wal.h"

namespace kv {

class WalJournal : public Journal {
 public:
  // `wal` must outlive it. `failed` is posted when the disk fails.
  WalJournal(Wal& wal, Post post, std::function<void(const std::string&)> failed);
  ~WalJournal() override;  // writes what was appended, as far as the disk lets it

  LogContent take_content() override;
  void save_state(const HardState& state) override;
  void append(std::vector<RaftEntry> entries, std::function<void()> done) override;
  void reset(std::uint64_t index) override;
  void forget(std::uint64_t index) override;
  bool full() const override { return full_; }

 private:
  struct Write {
    std::vector<RaftEntry> entries;
    std::function<void()> done;
    std::uint64_t resets = 0;  // that had been made when it came
  };

  void run();
  bool write_group(std::deque<Write> group, std::uint64_t forget_to);
  void append_merged(std::deque<Write>& group);
  // Runs `work` on the log between two writes. Owner's thread.
  void between_writes(const std::function<void()>& work);

  Wal& wal_;
  Post post_;
  std::function<void(const std::string&)> failed_;
  std::atomic<bool> full_ = false;

  std::mutex wal_mutex_;  // held for one write at a time; taken before mutex_
  bool broken_ = false;
  std::uint64_t resets_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Write> queue_;
  std::uint64_t forget_to_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kv
