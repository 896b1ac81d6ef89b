#pragma once
// A soft bound on the size of the state (--quota-backend-bytes): above it, writes that would add are refused where they
// are proposed, until enough was removed. Soft, since what is under way then is still applied, on all members alike.
// One thread.

#include <cstdint>
#include <string>

#include "kv/command.h"

namespace kv {

inline constexpr std::uint64_t kDefaultQuota = std::uint64_t{2} << 30;  // bytes; etcd's

class Quota {
 public:
  // In bytes of Store::bytes(); 0: no bound.
  explicit Quota(std::uint64_t bytes) : bytes_(bytes) {}

  std::uint64_t bytes() const { return bytes_; }
  // Raised above the bound, cleared below 95 % of it.
  bool exceeded() const { return exceeded_; }

  // The state has this size now. The line for the log when the alarm was raised or cleared, else "".
  std::string note(std::uint64_t size);

  // Is it refused now? A client's command that may make or change a key, or make a lease, is; removing, expiry, keeping
  // a lease alive, members, users and roles are not.
  bool refuses(const Command& command) const;

 private:
  std::uint64_t bytes_;
  bool exceeded_ = false;
};

}  // namespace kv
