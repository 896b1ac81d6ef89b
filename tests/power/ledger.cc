#include "ledger.h"

#include <format>

namespace power {

namespace {

std::string value_of(std::uint64_t number, std::size_t size) {
  return std::format("{}.", number) + std::string(size, static_cast<char>('a' + number % 26));
}

std::string shortened(const std::string& value) {
  return value.size() > 40 ? std::format("{}… ({} bytes)", value.substr(0, 24), value.size()) : value;
}

}  // namespace

std::uint64_t Ledger::begin(const std::string& key, std::size_t size) {
  open_[++last_] = {key, size, 0};
  return last_;
}

std::string Ledger::value(std::uint64_t number) const {
  return value_of(number, open_.at(number).size);
}

void Ledger::answered(std::uint64_t number, std::uint64_t index) {
  ++acknowledged_;
  auto [known, fresh] = by_index_.emplace(index, number);
  if (!fresh)
    throw Violation(std::format("writes {} and {} were both answered with index {}", known->second, number, index));
  if (index <= settled_) throw Violation(std::format("index {} was given again, after {}", index, settled_));
  open_.at(number).index = index;
}

void Ledger::settle(const SeenWrite& write) {
  if (settled_ != 0 && write.index != settled_ + 1) {
    throw Violation(std::format("the write behind index {} has index {}", settled_, write.index));
  }
  const std::uint64_t number = std::strtoull(write.value.c_str(), nullptr, 10);
  auto sent = open_.find(number);
  if (sent == open_.end() || write.value != value_of(number, sent->second.size) || write.key != sent->second.key) {
    throw Violation(std::format("index {} has {}={}, which nobody sent, or it is there a second time", write.index,
                                write.key, shortened(write.value)));
  }
  if (sent->second.index != 0 && sent->second.index != write.index) {
    throw Violation(
        std::format("write {} was answered with index {} and has {}", number, sent->second.index, write.index));
  }
  if (auto other = by_index_.find(write.index); other != by_index_.end()) {
    if (other->second != number) {
      throw Violation(std::format("lost: write {} was answered with index {}, which is write {}", other->second,
                                  write.index, number));
    }
    by_index_.erase(other);
    ++compared_;
  }
  open_.erase(sent);
  keys_[write.key] = {write.value, write.index};
  settled_ = write.index;
}

void Ledger::compare(const SeenState& seen, bool unanswered_are_over) {
  if (settled_ == 0 && open_.empty()) settled_ = seen.index;  // a new store
  for (const SeenWrite& write : seen.writes) settle(write);
  if (!by_index_.empty()) {
    const auto& [index, number] = *by_index_.begin();
    throw Violation(std::format("lost: write {} was answered with index {}; the store ends at {}, {} more like it",
                                number, index, seen.index, by_index_.size() - 1));
  }
  if (seen.index != settled_) throw Violation(std::format("the index is {}, its last write {}", seen.index, settled_));
  for (const SeenWrite& key : seen.keys) {
    auto last = keys_.find(key.key);
    if (last == keys_.end() || last->second.value != key.value || last->second.index != key.index) {
      throw Violation(std::format(
          "{} is {} (index {}), but its last write was {} (index {})", key.key, shortened(key.value), key.index,
          last == keys_.end() ? "none" : shortened(last->second.value), last == keys_.end() ? 0 : last->second.index));
    }
  }
  if (seen.keys.size() != keys_.size()) {
    throw Violation(std::format("{} keys were written and {} are there", keys_.size(), seen.keys.size()));
  }
  if (unanswered_are_over) open_.clear();
}

}  // namespace power
