#pragma once
// What was written and what was answered, and whether a store that came back has it: every acknowledged write with its
// value and index, nothing that was not sent, nothing twice, no index left out. One thread.

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace power {

// The store has done what it must not. The text says what.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct SeenWrite {
  std::string key;
  std::string value;
  std::uint64_t index = 0;
};

// A store as it shows itself: its index, its keys, and the writes behind Ledger::settled_index() in order.
struct SeenState {
  std::uint64_t index = 0;
  std::vector<SeenWrite> keys;
  std::vector<SeenWrite> writes;
};

class Ledger {
 public:
  // A write that is about to be sent, with a value of its own of about `size` bytes: its number.
  std::uint64_t begin(const std::string& key, std::size_t size);
  std::string value(std::uint64_t number) const;
  // It was answered with this index; without an answer it may be done or not.
  void answered(std::uint64_t number, std::uint64_t index);

  // Writes up to here were compared.
  std::uint64_t settled_index() const { return settled_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t compared() const { return compared_; }

  // Throws Violation. `unanswered_are_over`: what is not in the store by now will never be.
  void compare(const SeenState& seen, bool unanswered_are_over);

 private:
  struct Write {
    std::string key;
    std::size_t size = 0;
    std::uint64_t index = 0;  // 0: not answered
  };
  struct Last {
    std::string value;
    std::uint64_t index = 0;
  };
  void settle(const SeenWrite& write);

  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Write> open_;              // not seen in a store that came back
  std::map<std::uint64_t, std::uint64_t> by_index_;  // of the answered ones among them, their numbers
  std::map<std::string, Last> keys_;                 // as settled
  std::uint64_t settled_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t compared_ = 0;
};

}  // namespace power
