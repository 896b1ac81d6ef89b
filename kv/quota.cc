#include "kv/quota.h"

#include <format>

#include "kv/transaction.h"

namespace kv {

std::string Quota::note(std::uint64_t size) {
  if (bytes_ == 0) return {};
  if (!exceeded_ && size > bytes_) {
    exceeded_ = true;
    return std::format("alarm NOSPACE: the state has {} bytes, the quota is {}: no writes but removals", size, bytes_);
  }
  if (exceeded_ && size < bytes_ - bytes_ / 20) {
    exceeded_ = false;
    return std::format("alarm NOSPACE is over: the state has {} bytes, the quota is {}", size, bytes_);
  }
  return {};
}

bool Quota::refuses(const Command& command) const {
  if (!exceeded_) return false;
  if (command.operation == Operation::kGrantLease) return true;
  if (command.operation == Operation::kTransaction) return puts(decode_transaction(command.value));
  if (!command.key.starts_with("/1")) return false;
  switch (command.operation) {
    case Operation::kSet:
    case Operation::kUpdate:
    case Operation::kCompareAndSwap:
      return !command.refresh;
    case Operation::kCreate:
    case Operation::kCreateInOrder:
      return true;
    default:
      return false;
  }
}

}  // namespace kv
