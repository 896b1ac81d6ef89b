#include "runtime/time_option.h"

#include "base/error.h"
#include "base/text.h"

namespace runtime {

using Time = std::chrono::system_clock::time_point;

std::optional<Time> time_option(const base::Invocation& invocation, std::string_view name) {
  if (!invocation.given(name)) return std::nullopt;
  const std::string& text = invocation.get(name);
  if (auto time = base::parse_rfc3339(text)) return time;
  if (auto seconds = base::parse_unsigned(text); seconds && *seconds < 1ull << 34) {
    return Time(std::chrono::seconds(*seconds));
  }
  if (auto ago = base::parse_duration(text)) {
    return std::chrono::system_clock::now() - std::chrono::duration_cast<Time::duration>(*ago);
  }
  throw base::UsageError("--" + std::string(name) + " '" + text +
                         "': expected a time as 2026-01-02T15:04:05Z, seconds since 1970, or how long ago, as 10m");
}

}  // namespace runtime
