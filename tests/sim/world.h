#pragma once
// Simulated time: events in order of time, one source of randomness. The same seed gives the same run.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/random.h"

namespace sim {

using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kMicrosecond = 1000;
inline constexpr Nanoseconds kMillisecond = 1000 * kMicrosecond;
inline constexpr Nanoseconds kSecond = 1000 * kMillisecond;

// A run found something that must not be. The text says what.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class World {
 public:
  World(std::uint64_t seed, bool trace) : random_(seed), trace_(trace) {}

  Nanoseconds now() const { return now_; }
  base::Random& random() { return random_; }
  // True in `percent` of 100 cases.
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Nanoseconds between(Nanoseconds low, Nanoseconds high) {
    return low + static_cast<Nanoseconds>(random_.below(static_cast<std::uint64_t>(high - low) + 1));
  }

  void at(Nanoseconds time, std::function<void()> work) { events_.emplace(std::max(time, now_), std::move(work)); }
  void after(Nanoseconds delay, std::function<void()> work) { at(now_ + delay, std::move(work)); }
  void run_until(Nanoseconds end) {
    while (!events_.empty() && events_.begin()->first <= end) {
      now_ = events_.begin()->first;
      std::function<void()> work = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      ++steps_;
      work();
    }
    now_ = end;
  }
  std::uint64_t steps() const { return steps_; }

  void trace(const std::string& text) const;

 private:
  base::SeededRandom random_;
  bool trace_;
  Nanoseconds now_ = 0;
  std::uint64_t steps_ = 0;
  std::multimap<Nanoseconds, std::function<void()>> events_;  // equal times in the order of their making
};

// The clock of one machine: its wall time may be wrong by `skew`.
class SimClock : public base::Clock {
 public:
  SimClock(const World& world, Nanoseconds skew) : world_(world), skew_(skew) {}
  Time now() const override { return Time(std::chrono::nanoseconds(world_.now() + kSecond)); }
  WallTime wall_now() const override {
    return WallTime(
        std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(kEpoch + world_.now() + skew_)));
  }

 private:
  static constexpr Nanoseconds kEpoch = 1'700'000'000 * kSecond;
  const World& world_;
  Nanoseconds skew_;
};

}  // namespace sim
