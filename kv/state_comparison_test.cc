#include "kv/state_comparison.h"

#include <doctest/doctest.h>

namespace {

using Members = std::vector<std::uint64_t>;
using Marks = std::vector<kv::StateMark>;
constexpr std::uint64_t kEvery = kv::StateComparison::kEvery;

TEST_CASE("state comparison: a round is told once, by whom it begins and by whom it reaches") {
  kv::StateComparison states;
  states.begin_round();
  CHECK(states.take_to_tell().empty());  // nothing noted yet
  states.note({kEvery, 1});
  states.begin_round();
  states.begin_round();
  CHECK(states.take_to_tell() == Marks{{kEvery, 1}});
  states.heard(7, {2 * kEvery, 5});  // it is ahead
  CHECK(states.take_to_tell().empty());
  states.note({2 * kEvery, 2});
  CHECK(states.take_to_tell() == Marks{{2 * kEvery, 2}});
}

TEST_CASE("state comparison: only a majority that agrees is right") {
  kv::StateComparison states;
  states.note({kEvery, 1});
  CHECK_FALSE(states.verdict(1));  // nobody has asked
  states.heard(7, {kEvery, 9});
  CHECK_FALSE(states.verdict(3));  // one against one
  states.heard(8, {kEvery, 8});
  CHECK_FALSE(states.verdict(3));  // three that differ
  states.heard(8, {kEvery, 1});
  CHECK(states.verdict(3)->wrong == Members{7});
  CHECK_FALSE(states.verdict(3)->we_are_wrong);
  states.note({2 * kEvery, 1});
  states.heard(7, {2 * kEvery, 2});
  states.heard(8, {2 * kEvery, 2});
  CHECK(states.verdict(3)->we_are_wrong);
  CHECK_FALSE(states.verdict(5));  // two of five are no majority
}

TEST_CASE("state comparison: what is too old, between the marks or from another state does not count") {
  kv::StateComparison states;
  for (std::uint64_t i = 1; i <= kv::StateComparison::kMarks + 1; ++i) states.note({i * kEvery, i});
  for (std::uint64_t member : {7, 8}) {
    states.heard(member, {kEvery, 99});
    states.heard(member, {kEvery + 1, 99});
  }
  CHECK_FALSE(states.verdict(3));
  for (std::uint64_t member : {7, 8}) states.heard(member, {2 * kEvery, 99});
  CHECK(states.verdict(3)->we_are_wrong);
  states.clear();
  CHECK_FALSE(states.verdict(3));
  for (std::uint64_t i = 10; i < 30; ++i) states.heard(7, {i * kEvery, 1});
  states.heard(8, {kEvery, 99});  // older than the rounds that are kept
  states.note({kEvery, 1});
  CHECK_FALSE(states.verdict(3));
}

}  // namespace
