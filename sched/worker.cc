#include "sched/worker.h"

#include "base/error.h"
#include "base/log.h"

namespace sched {
namespace {

constexpr std::chrono::milliseconds kRetry{1000};

}  // namespace

Worker::Worker(std::string name, std::function<std::chrono::milliseconds(bool)> work, std::function<void()> interrupt)
    : name_(std::move(name)), work_(std::move(work)), interrupt_(std::move(interrupt)), thread_([this] { run(); }) {}

void Worker::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Worker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (!thread_.joinable()) return;
  interrupt_();
  thread_.join();
}

std::string Worker::problem() const {
  const std::scoped_lock lock(mutex_);
  return problem_;
}

void Worker::run() {
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    bool woken = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next, [this] { return woken_ || stopping_; });
      if (stopping_) return;
      woken = std::exchange(woken_, false);
    }
    next = std::chrono::steady_clock::now() + work_once(woken);
  }
}

std::chrono::milliseconds Worker::work_once(bool woken) {
  std::string problem;
  std::chrono::milliseconds wait = kRetry;
  try {
    wait = work_(woken);
  } catch (const base::Error& error) {
    problem = error.what();
  }
  const std::scoped_lock lock(mutex_);
  if (stopping_ || problem == problem_) return wait;
  if (problem.empty()) {
    base::log_info("{}: works again", name_);
  } else {
    base::log_warning("{}: {}; what runs keeps running, trying again", name_, problem);
  }
  problem_ = problem;
  return wait;
}

}  // namespace sched
