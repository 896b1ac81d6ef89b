#pragma once
// Whether a container is started again when it has ended by itself (--restart).

#include <string>
#include <string_view>

namespace runtime {

struct RestartPolicy {
  // kUnlessStopped differs from kAlways in nothing here: what a person has stopped stays stopped with either, since
  // there is no daemon whose own start would bring it back.
  enum class Kind { kNo, kOnFailure, kAlways, kUnlessStopped };
  Kind kind = Kind::kNo;
  unsigned retries = 0;  // of kOnFailure: how often at most; 0: no bound

  bool operator==(const RestartPolicy&) const = default;
};

inline constexpr unsigned kRestartMilliseconds = 1000;  // between an end and the start after it

// "no", "on-failure", "on-failure:5", "always", "unless-stopped". Throws base::UsageError.
RestartPolicy parse_restart_policy(std::string_view text);
std::string restart_policy_text(const RestartPolicy& policy);

// After the container ended with this code, having been started again `restarts` times already.
bool restarts_after(const RestartPolicy& policy, int exit_code, unsigned restarts);

}  // namespace runtime
