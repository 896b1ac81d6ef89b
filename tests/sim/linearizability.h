#pragma once
// Is a history of clients' calls linearizable: is there one order of the calls, each at some moment between its call
// and its return, in which every answer is right? The search of Wing and Gong with Lowe's memory of states seen
// ("Testing for Linearizability", 2017), one key at a time, since keys do not depend on each other.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sim {

// A key is absent or has a value. The outcome of a call that was never answered is not known: it may have happened at
// any time after it was made, or never.
struct Call {
  enum class Kind { kRead, kWrite, kCompareAndSwap, kDelete };

  Kind kind = Kind::kRead;
  std::string key = {};
  std::string value = {};     // written
  std::string expected = {};  // by kCompareAndSwap
  std::int64_t called = 0;    // any unit that grows
  std::int64_t returned = 0;  // meaningless when !answered
  bool answered = false;
  bool refused = false;                  // it was said not to have happened
  bool succeeded = false;                // kCompareAndSwap, kDelete: done; kRead: there was a value
  std::optional<std::string> seen = {};  // kRead: the value
};

struct Verdict {
  std::string violation = {};      // "": none; else the key whose calls have no order, with those calls
  std::size_t undecided_keys = 0;  // the search was given up: too many calls were never answered
};

Verdict check_history(const std::vector<Call>& history);

}  // namespace sim
