#include "kv/state_comparison.h"

#include <cassert>
#include <utility>

namespace kv {

void StateComparison::note(const StateMark& own) {
  assert(own.index % kEvery == 0 && (own_.empty() || own.index > own_.back().index));
  if (!own_.empty() && own.index != own_.back().index + kEvery) own_.clear();
  own_.push_back(own);
  if (own_.size() > kMarks) own_.pop_front();
  if (auto round = rounds_.find(own.index); round != rounds_.end()) join(own.index, round->second);
}

void StateComparison::begin_round() {
  if (!own_.empty()) round_at(own_.back().index);
}

void StateComparison::heard(std::uint64_t member, const StateMark& mark) {
  if (mark.index % kEvery != 0) return;
  if (Round* round = round_at(mark.index)) round->others[member] = mark.digest;
}

// Null for one that is too old to count.
StateComparison::Round* StateComparison::round_at(std::uint64_t index) {
  if (auto known = rounds_.find(index); known != rounds_.end()) return &known->second;
  if (rounds_.size() == kRounds) {
    if (index < rounds_.begin()->first) return nullptr;
    rounds_.erase(rounds_.begin());
  }
  Round& round = rounds_[index];
  join(index, round);
  return &round;
}

// With our own mark, when it is there already and still.
void StateComparison::join(std::uint64_t index, Round& round) {
  if (round.own || own_.empty() || index < own_.front().index || index > own_.back().index) return;
  round.own = own_[(index - own_.front().index) / kEvery].digest;
  to_tell_.push_back({index, *round.own});
}

std::vector<StateMark> StateComparison::take_to_tell() {
  return std::exchange(to_tell_, {});
}

std::optional<StateComparison::Verdict> StateComparison::verdict(std::size_t members) const {
  const std::size_t majority = members / 2 + 1;
  for (auto at = rounds_.rbegin(); at != rounds_.rend(); ++at) {
    const Round& round = at->second;
    if (!round.own) continue;
    std::map<std::uint64_t, std::size_t> count{{*round.own, 1}};
    for (const auto& [member, digest] : round.others) ++count[digest];
    Verdict found{at->first, false, {}};
    for (const auto& [digest, holders] : count) {
      if (digest != *round.own && holders >= majority) found.we_are_wrong = true;
    }
    if (count[*round.own] >= majority) {
      for (const auto& [member, digest] : round.others) {
        if (digest != *round.own) found.wrong.push_back(member);
      }
    }
    if (found.we_are_wrong || count[*round.own] >= majority) return found;
  }
  return std::nullopt;
}

void StateComparison::clear() {
  own_.clear();
  rounds_.clear();
  to_tell_.clear();
}

}  // namespace kv
