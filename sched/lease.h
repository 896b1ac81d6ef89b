#pragma once
// Who may act as the engine: one key with a TTL, taken and renewed by compare-and-swap. A holder stops acting before
// the key can run out. One thread. Throws base::Error when the store does not answer.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "kv/client/client.h"

namespace sched {

inline constexpr std::int64_t kEngineVersion = 1;  // a higher one takes the lease from a lower one

class Lease {
 public:
  // References must outlive the lease. `ttl` >= 2 s.
  Lease(kv::Client& client, std::string key, std::string machine_id, std::chrono::seconds ttl, const base::Clock& clock,
        std::int64_t version = kEngineVersion);

  // Takes or renews the lease; true while it is ours.
  bool hold();
  // Gives it up, so that another machine need not wait for the TTL.
  void release();

 private:
  bool take();
  bool swap(std::uint64_t previous_index);
  bool won(const std::optional<kv::Node>& written, base::Clock::Time asked_at);

  kv::Client& client_;
  std::string key_;
  std::string machine_id_;
  std::chrono::seconds ttl_;
  const base::Clock& clock_;
  std::int64_t version_;
  std::uint64_t index_ = 0;  // of the key as we wrote it; 0: not ours
  base::Clock::Time valid_until_{};
};

}  // namespace sched
