#include "kv/single_engine.h"

#include <cassert>
#include <format>

#include "base/error.h"

namespace kv {

SingleEngine::SingleEngine(Log& log, EngineHost& host, Post post, SingleEngineLimits limits)
    : log_(log), host_(host), post_(std::move(post)), limits_(limits) {
  status_.member_id = log.state().member_id;
  assert(status_.member_id != 0);
}

SingleEngine::~SingleEngine() {
  stop();
}

void SingleEngine::start(std::uint64_t applied_index) {
  if (applied_index + 1 < log_.first_index() || applied_index > log_.last_index()) {
    throw base::Error("start", "the store",
                      std::format("its checkpoint ends at entry {}, but the log holds {} to {}: one of the two files "
                                  "is missing or from another time",
                                  applied_index, log_.first_index(), log_.last_index()));
  }
  // Taking the leadership is a new term, as in an election.
  LogState state = log_.state();
  state.term = std::max<std::uint64_t>(state.term, 1) + 1;
  log_.save_state(state);
  status_.term = state.term;
  status_.leader_id = status_.member_id;

  status_.committed_index = applied_index;
  log_.read(applied_index + 1, [this](const LogEntry& entry) {
    status_.committed_index = entry.index;
    host_.committed(entry, 0);
  });
  writer_ = std::thread([this] { write_loop(); });
}

void SingleEngine::propose(std::string command, std::uint64_t ticket) {
  assert(ticket != 0);
  if (outstanding_ >= limits_.proposals || outstanding_bytes_ + command.size() > limits_.bytes) {
    return refuse_later(ticket, Refusal::kOverloaded);
  }
  std::size_t bytes = command.size();
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return refuse_later(ticket, Refusal::kStopped);
    queue_.push_back({std::move(command), ticket});
  }
  ++outstanding_;
  outstanding_bytes_ += bytes;
  wake_.notify_one();
}

void SingleEngine::barrier(std::uint64_t ticket) {
  // The only member leads for ever, and a write is answered only after it was handed over here.
  post_([this, ticket] { host_.barrier_passed(ticket); });
}

void SingleEngine::checkpointed(std::uint64_t index) {
  std::lock_guard lock(mutex_);
  forget_to_ = std::max(forget_to_, index);
}

void SingleEngine::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable()) writer_.join();
}

void SingleEngine::write_loop() {
  while (true) {
    Group group;
    std::uint64_t forget_to = 0;
    if (!take_group(group, forget_to)) return;
    if (!write_group(std::move(group), forget_to)) return;
  }
}

bool SingleEngine::take_group(Group& group, std::uint64_t& forget_to) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return false;
  const std::uint64_t term = log_.state().term;
  std::uint64_t index = log_.last_index();
  for (Proposal& proposal : queue_) {
    group.bytes += proposal.command.size();
    group.entries.push_back({++index, term, std::move(proposal.command)});
    group.tickets.push_back(proposal.ticket);
  }
  queue_.clear();
  forget_to = forget_to_;
  return true;
}

bool SingleEngine::write_group(Group group, std::uint64_t forget_to) {
  bool written = true;
  try {
    log_.append(group.entries, forget_to);
  } catch (const LogFull&) {
    written = false;
  } catch (const std::exception& error) {
    post_([this, reason = std::string(error.what())] { host_.engine_failed(reason); });
    return false;
  }
  auto shared = std::make_shared<const Group>(std::move(group));
  post_([this, shared, written] {
    outstanding_ -= shared->entries.size();
    outstanding_bytes_ -= shared->bytes;
    for (std::size_t i = 0; i < shared->entries.size(); ++i) {
      if (written) {
        status_.committed_index = shared->entries[i].index;
        host_.committed(shared->entries[i], shared->tickets[i]);
      } else {
        host_.refused(shared->tickets[i], Refusal::kNoSpace);
      }
    }
  });
  return true;
}

void SingleEngine::refuse_later(std::uint64_t ticket, Refusal refusal) {
  post_([this, ticket, refusal] { host_.refused(ticket, refusal); });
}

}  // namespace kv
