#pragma once
// Randomness as an argument: the kernel's for the real thing, a seed for tests and the simulator.

#include <cstdint>
#include <random>
#include <string>

namespace base {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // `bytes` random bytes in lower-case hexadecimal.
  std::string hex_string(std::size_t bytes);
};

// getrandom(2). Any thread.
Random& system_random();

class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace base
