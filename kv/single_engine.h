#pragma once
// The engine of a cluster with one member: it always leads, and an entry is committed as soon as it is on the disk.
//
// Group commit: a thread of its own writes all proposals that came in during its last fsync as one group with one
// fsync, so that the number of clients, not the disk, bounds the throughput.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "kv/engine.h"
#include "kv/log.h"

namespace kv {

struct SingleEngineLimits {
  std::size_t proposals = 10'000;        // waiting or under way; more are refused as kOverloaded
  std::size_t bytes = 64 * 1024 * 1024;  // of their commands
};

class SingleEngine : public Engine {
 public:
  // `log` (with member_id set) and `host` must outlive the engine, and what it posted must not run after it is gone.
  SingleEngine(Log& log, EngineHost& host, Post post, SingleEngineLimits limits = {});
  ~SingleEngine() override;

  void start(std::uint64_t applied_index) override;
  void propose(std::string command, std::uint64_t ticket) override;
  void barrier(std::uint64_t ticket) override;
  void checkpointed(std::uint64_t index) override;
  EngineStatus status() const override { return status_; }
  void stop() override;

 private:
  struct Proposal {
    std::string command;
    std::uint64_t ticket = 0;
  };
  struct Group {
    std::vector<LogEntry> entries;
    std::vector<std::uint64_t> tickets;
    std::size_t bytes = 0;
  };

  void write_loop();
  // False when the thread is to end.
  bool take_group(Group& group, std::uint64_t& forget_to);
  bool write_group(Group group, std::uint64_t forget_to);
  void refuse_later(std::uint64_t ticket, Refusal refusal);

  Log& log_;
  EngineHost& host_;
  Post post_;
  SingleEngineLimits limits_;

  // The owner's thread.
  EngineStatus status_;
  std::size_t outstanding_ = 0;
  std::size_t outstanding_bytes_ = 0;

  // Shared with the writer.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Proposal> queue_;
  std::uint64_t forget_to_ = 0;
  bool stopping_ = false;

  std::thread writer_;
};

}  // namespace kv
