#include "kv/read_rounds.h"

namespace kv {

std::optional<std::uint64_t> ReadRounds::begin_round(std::uint64_t now_ms, std::uint64_t committed) {
  if (round_ || (waiting_.empty() && remote_waiting_.empty())) return std::nullopt;
  round_ = Round{++last_sequence_, committed, now_ms, std::move(waiting_), std::move(remote_waiting_), {}};
  waiting_.clear();
  remote_waiting_.clear();
  return round_->sequence;
}

std::optional<ReadRounds::Finished> ReadRounds::acknowledge(std::uint64_t member, std::uint64_t sequence,
                                                            std::size_t needed) {
  if (!round_ || round_->sequence != sequence) return std::nullopt;
  if (member != 0) round_->members.insert(member);
  if (round_->members.size() < needed) return std::nullopt;
  Finished finished{round_->index, std::move(round_->remote)};
  for (std::uint64_t ticket : round_->tickets) ready_.emplace(finished.index, ticket);
  round_.reset();
  return finished;
}

std::optional<std::uint64_t> ReadRounds::begin_request(std::uint64_t now_ms) {
  if (request_ || waiting_.empty()) return std::nullopt;
  request_ = Request{++last_sequence_, now_ms, std::move(waiting_)};
  waiting_.clear();
  return request_->sequence;
}

void ReadRounds::answered(std::uint64_t sequence, std::uint64_t index) {
  if (!request_ || request_->sequence != sequence) return;
  for (std::uint64_t ticket : request_->tickets) {
    if (index == 0) {
      waiting_.push_back(ticket);
    } else {
      ready_.emplace(index, ticket);
    }
  }
  request_.reset();
}

std::optional<std::uint64_t> ReadRounds::round_to_repeat(std::uint64_t now_ms, std::uint64_t after_ms) {
  if (!round_ || now_ms < round_->sent_ms + after_ms) return std::nullopt;
  round_->sent_ms = now_ms;
  return round_->sequence;
}

std::optional<std::uint64_t> ReadRounds::request_to_repeat(std::uint64_t now_ms, std::uint64_t after_ms) {
  if (!request_ || now_ms < request_->sent_ms + after_ms) return std::nullopt;
  request_->sent_ms = now_ms;
  return request_->sequence;
}

void ReadRounds::leadership_changed() {
  if (round_) waiting_.insert(waiting_.end(), round_->tickets.begin(), round_->tickets.end());
  if (request_) waiting_.insert(waiting_.end(), request_->tickets.begin(), request_->tickets.end());
  round_.reset();
  request_.reset();
  remote_waiting_.clear();
}

std::vector<std::uint64_t> ReadRounds::take_passed(std::uint64_t applied) {
  std::vector<std::uint64_t> tickets;
  const auto end = ready_.upper_bound(applied);
  for (auto ready = ready_.begin(); ready != end; ++ready) tickets.push_back(ready->second);
  ready_.erase(ready_.begin(), end);
  return tickets;
}

}  // namespace kv
