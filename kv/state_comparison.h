#pragma once
// Whether the members hold the same state. All of them note the digest of their state behind the same entries. Now and
// then the leader begins a round: it tells its newest mark, and everybody tells everybody else its own behind the same
// entry. Who differs from a majority that agrees is wrong; without such a majority nobody can tell. Bookkeeping only,
// bounded. One thread.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "kv/engine.h"

namespace kv {

class StateComparison {
 public:
  // Only states behind entries of these indices are compared.
  static constexpr std::uint64_t kEvery = 64;
  static constexpr std::size_t kMarks = 4096;  // of our own, for rounds that we hear of late
  static constexpr std::size_t kRounds = 8;    // the newest ones

  // Our own state. REQUIRES: the index is a multiple of kEvery and above the last one.
  void note(const StateMark& own);
  // A round behind our newest mark, if there was none yet.
  void begin_round();
  void heard(std::uint64_t member, const StateMark& mark);
  // Our own marks of rounds, for all others; each once.
  std::vector<StateMark> take_to_tell();

  struct Verdict {
    std::uint64_t index = 0;
    bool we_are_wrong = false;
    std::vector<std::uint64_t> wrong;  // those that differ from a majority to which we belong, by id
  };
  // Of the newest round that a majority of so many members has answered alike.
  std::optional<Verdict> verdict(std::size_t members) const;

  // Our state is another one now: nothing that was noted counts any more.
  void clear();

 private:
  struct Round {
    std::optional<std::uint64_t> own;
    std::map<std::uint64_t, std::uint64_t> others = {};  // digests by member
  };

  Round* round_at(std::uint64_t index);
  void join(std::uint64_t index, Round& round);

  std::deque<StateMark> own_;  // by index, without a gap of the multiples
  std::map<std::uint64_t, Round> rounds_;
  std::vector<StateMark> to_tell_;
};

}  // namespace kv
