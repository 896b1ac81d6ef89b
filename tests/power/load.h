#pragma once
// PUTs over a few connections, one under way on each; the ledger is told of each that was answered. One thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/random.h"
#include "ledger.h"

namespace power {

class Load {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Keys "/p/<connection>-<n>". Both references must outlive it.
  Load(Ledger& ledger, base::Random& random, std::size_t connections);

  // Members to write to, by address; connections to others are closed.
  void aim(std::vector<std::string> addresses);
  // Bytes of a value, at most, and the longest pause between an answer and the next write.
  void shape(std::size_t largest_value, std::chrono::microseconds longest_pause);

  // Goes on for so long; `writing` false: only takes the answers that still come.
  void run_for(std::chrono::microseconds time, bool writing = true);
  bool idle() const;
  // What has no answer gets none: it may be done or not.
  void give_up();

 private:
  struct Connection {
    std::string address;
    base::Fd socket;
    std::string input;
    std::optional<std::uint64_t> write;  // under way
    Time next{};
  };

  void begin(Connection& connection, std::size_t number);
  void take_input(Connection& connection);
  void close(Connection& connection);

  Ledger& ledger_;
  base::Random& random_;
  std::vector<Connection> connections_;
  std::vector<std::string> addresses_;
  std::size_t largest_value_ = 100;
  std::chrono::microseconds longest_pause_{1000};
};

}  // namespace power
