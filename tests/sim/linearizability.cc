#include "linearizability.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>

namespace sim {

namespace {

using State = std::optional<std::string>;

// The state after the call, if its answer fits the state before.
std::optional<State> apply(const Call& call, const State& state) {
  switch (call.kind) {
    case Call::Kind::kRead:
      if (call.answered && call.seen != state) return std::nullopt;
      return state;
    case Call::Kind::kWrite:
      return State(call.value);
    case Call::Kind::kCompareAndSwap: {
      bool holds = state == call.expected;
      if (call.answered && call.succeeded != holds) return std::nullopt;
      return holds ? State(call.value) : state;
    }
    case Call::Kind::kDelete:
      if (call.answered && call.succeeded != state.has_value()) return std::nullopt;
      return State();
  }
  return std::nullopt;
}

// Depth first over "which call took effect next", with a memory of what was tried: the calls that are done and the
// state they leave. All answered calls before first_ are done, so a memory names only those behind it, and the
// unanswered ones.
class Search {
 public:
  explicit Search(std::vector<Call> calls) {
    std::ranges::sort(calls, {}, &Call::called);
    for (Call& call : calls) (call.answered ? answered_ : open_).push_back(std::move(call));
    done_.resize(answered_.size(), false);
    open_done_.resize(open_.size(), false);
  }

  bool possible() { return extend(0, {}); }
  bool gave_up() const { return remembered_ >= kMaxRemembered; }

 private:
  static constexpr std::size_t kMaxRemembered = 1'000'000;  // calls, in all memories
  using Memory = std::pair<std::vector<std::size_t>, State>;

  // All answered calls before `first` are done.
  bool extend(std::size_t first, const State& state) {
    while (first < answered_.size() && done_[first]) ++first;
    if (first == answered_.size()) return true;
    if (gave_up()) return false;
    const auto [known, fresh] = seen_.insert(memory(first, state));
    if (!fresh) return false;
    remembered_ += known->first.size();
    std::int64_t first_return = answered_[first].returned;
    for (std::size_t i = first; i < answered_.size() && answered_[i].called <= first_return; ++i) {
      if (!done_[i]) first_return = std::min(first_return, answered_[i].returned);
    }
    for (std::size_t i = first; i < answered_.size() && answered_[i].called <= first_return; ++i) {
      if (!done_[i] && take(done_, i, answered_[i], first, state)) return true;
    }
    for (std::size_t i = 0; i < open_.size() && open_[i].called <= first_return; ++i) {
      if (!open_done_[i] && take(open_done_, i, open_[i], first, state)) return true;
    }
    return false;
  }

  bool take(std::vector<bool>& done, std::size_t i, const Call& call, std::size_t first, const State& state) {
    std::optional<State> next = apply(call, state);
    if (!next) return false;
    done[i] = true;
    if (extend(first, *next)) return true;
    done[i] = false;
    return false;
  }

  Memory memory(std::size_t first, const State& state) const {
    std::vector<std::size_t> done{first};
    const std::int64_t horizon = answered_[first].returned;
    for (std::size_t i = first; i < answered_.size() && answered_[i].called <= horizon; ++i) {
      if (done_[i]) done.push_back(i);
    }
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (open_done_[i]) done.push_back(answered_.size() + i);
    }
    return {std::move(done), state};
  }

  std::vector<Call> answered_;
  std::vector<Call> open_;
  std::vector<bool> done_;
  std::vector<bool> open_done_;
  std::set<Memory> seen_;
  std::size_t remembered_ = 0;
};

std::string text_of(const Call& call) {
  std::string answer = !call.answered                    ? "no answer"
                       : call.kind == Call::Kind::kRead  ? call.seen.value_or("(none)")
                       : call.kind == Call::Kind::kWrite ? "ok"
                       : call.succeeded                  ? "done"
                                                         : "not done";
  constexpr const char* kNames[] = {"read", "write", "swap", "delete"};
  return std::format("  [{}, {}] {} {} {} -> {}\n", call.called, call.answered ? call.returned : -1,
                     kNames[static_cast<int>(call.kind)], call.expected, call.value, answer);
}

}  // namespace

Verdict check_history(const std::vector<Call>& history) {
  Verdict verdict;
  std::map<std::string, std::vector<Call>> by_key;
  for (const Call& call : history) {
    // A read that was never answered tells nothing, nor does what did not happen.
    if (call.refused) continue;
    if (call.kind == Call::Kind::kRead && !call.answered) continue;
    by_key[call.key].push_back(call);
  }
  for (auto& [key, calls] : by_key) {
    Search search(calls);
    if (search.possible()) continue;
    if (search.gave_up()) {
      ++verdict.undecided_keys;
      continue;
    }
    std::string text = std::format("the calls on {} have no order in which all answers are right:\n", key);
    std::ranges::sort(calls, {}, &Call::called);
    for (const Call& call : calls) text += text_of(call);
    verdict.violation = text;
    return verdict;
  }
  return verdict;
}

}  // namespace sim
