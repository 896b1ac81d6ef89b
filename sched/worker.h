#pragma once
// A thread that does the same piece of work again and again: when its time has come or when somebody wakes it. A piece
// that throws base::Error is logged (once as long as the text stays the same) and tried again a second later.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace sched {

class Worker {
 public:
  // `work` returns how long to wait until the next time; it is told whether it was woken (true also the first time).
  // `interrupt` ends a call that blocks inside `work`; it is called once, from stop().
  Worker(std::string name, std::function<std::chrono::milliseconds(bool woken)> work, std::function<void()> interrupt);
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void wake();  // any thread
  void stop();  // waits for the work under way

  // The problem that the work has now, or "". Any thread.
  std::string problem() const;

 private:
  void run();
  std::chrono::milliseconds work_once(bool woken);

  std::string name_;
  std::function<std::chrono::milliseconds(bool)> work_;
  std::function<void()> interrupt_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = true;
  bool stopping_ = false;
  std::string problem_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace sched
