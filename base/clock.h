#pragma once
// Time as an argument. Everything above the edges takes a Clock, so that tests and the simulator own time.

#include <chrono>

namespace base {

class Clock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using WallTime = std::chrono::system_clock::time_point;

  virtual ~Clock() = default;
  virtual Time now() const = 0;           // never goes back; for intervals and deadlines
  virtual WallTime wall_now() const = 0;  // for people and for expiry that outlives a restart
};

// The machine's clocks. Any thread.
Clock& system_clock();

// A clock that moves only when told. One thread.
class ManualClock : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime(std::chrono::seconds(1'000'000'000))) : wall_(wall) {}
  Time now() const override { return now_; }
  WallTime wall_now() const override { return wall_; }
  void advance(std::chrono::nanoseconds by) {
    now_ += std::chrono::duration_cast<Time::duration>(by);
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
  }

 private:
  Time now_{};
  WallTime wall_;
};

}  // namespace base
