#include "runtime/restart_policy.h"

#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::string_view kOnFailure = "on-failure";
constexpr std::uint64_t kMostRetries = 1000;

}  // namespace

RestartPolicy parse_restart_policy(std::string_view text) {
  using Kind = RestartPolicy::Kind;
  if (text == "no") return {};
  if (text == kOnFailure) return {.kind = Kind::kOnFailure, .retries = 0};
  if (text == "always") return {.kind = Kind::kAlways, .retries = 0};
  if (text == "unless-stopped") return {.kind = Kind::kUnlessStopped, .retries = 0};
  if (text.starts_with(kOnFailure) && text.size() > kOnFailure.size() && text[kOnFailure.size()] == ':') {
    std::optional<std::uint64_t> retries = base::parse_unsigned(text.substr(kOnFailure.size() + 1));
    if (retries && *retries >= 1 && *retries <= kMostRetries) {
      return {.kind = Kind::kOnFailure, .retries = static_cast<unsigned>(*retries)};
    }
  }
  throw base::UsageError("--restart '" + std::string(text) +
                         "': expected no, on-failure, on-failure:N (1 to 1000), always or unless-stopped");
}

std::string restart_policy_text(const RestartPolicy& policy) {
  switch (policy.kind) {
    case RestartPolicy::Kind::kNo:
      return "no";
    case RestartPolicy::Kind::kOnFailure:
      return std::string(kOnFailure) + (policy.retries == 0 ? "" : ":" + std::to_string(policy.retries));
    case RestartPolicy::Kind::kAlways:
      return "always";
    case RestartPolicy::Kind::kUnlessStopped:
      return "unless-stopped";
  }
  return "";
}

bool restarts_after(const RestartPolicy& policy, int exit_code, unsigned restarts) {
  switch (policy.kind) {
    case RestartPolicy::Kind::kNo:
      return false;
    case RestartPolicy::Kind::kOnFailure:
      return exit_code != 0 && (policy.retries == 0 || restarts < policy.retries);
    case RestartPolicy::Kind::kAlways:
    case RestartPolicy::Kind::kUnlessStopped:
      return true;
  }
  return false;
}

}  // namespace runtime
