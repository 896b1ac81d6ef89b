#pragma once
// Health checks with Docker's meaning: a command that is run in the container again and again, whose exit code 0 says
// that all is well. Pure; what runs it is in health_probe.h and health_keeper.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace runtime {

// What happens once a container has become unhealthy (podman's --health-on-failure). Docker's is kNone.
enum class HealthAction { kNone, kKill, kRestart, kStop };

// What an image, or the command line over it, says; nothing in a member: not said.
struct HealthSetting {
  bool disabled = false;
  std::optional<std::vector<std::string>> command = {};  // argv
  std::optional<std::chrono::milliseconds> interval = {}, timeout = {}, start_period = {};
  std::optional<unsigned> retries = {};
  HealthAction action = HealthAction::kNone;
};

// The check of one container. No command: it has none.
struct HealthCheck {
  std::vector<std::string> command;
  std::chrono::milliseconds interval{30000};  // from the start, or the end of one check, to the next
  std::chrono::milliseconds timeout{30000};
  std::chrono::milliseconds start_period{0};  // failures in it do not count, until the first success
  unsigned retries = 3;                       // this many failures one after the other: unhealthy
  HealthAction action = HealthAction::kNone;
};

HealthCheck health_check(const HealthSetting& image, const HealthSetting& asked);

inline constexpr std::chrono::milliseconds kLeastHealthTime{100};  // of interval and timeout
inline constexpr std::chrono::milliseconds kMostHealthTime{24 * 3600 * 1000};
inline constexpr unsigned kMostRetries = 1000;

// "30s" within these bounds. Throws base::UsageError about `option`.
std::chrono::milliseconds parse_health_time(std::string_view option, const std::string& text, bool may_be_zero);
// A line for /bin/sh, or a JSON list of words: ["/app", "--check"]. Throws base::UsageError.
std::vector<std::string> parse_health_command(const std::string& text);
HealthAction parse_health_action(const std::string& text);  // throws base::UsageError

// An image's "Healthcheck": {"Test": ["CMD-SHELL", "…"], "Interval": nanoseconds, …}. Numbers out of bounds are moved
// to them, since they are of somebody who does not run it. Throws base::Error("…", where, …) for another shape.
HealthSetting health_setting_of_image(const base::Json& json, std::string_view where);

base::Json to_json(const HealthSetting& setting);
HealthSetting health_setting_from_json(const base::Json& json);  // throws base::Json::exception, base::UsageError

inline constexpr std::size_t kHealthResults = 5;    // that are kept
inline constexpr std::size_t kHealthOutput = 4096;  // bytes of each
inline constexpr int kHealthTimedOut = -1;          // exit code of a check that took too long

struct HealthResult {
  std::string start, end;  // RFC 3339
  int exit_code = 0;
  std::string output;
};

// The contents of health.json.
struct Health {
  enum class Status { kStarting, kHealthy, kUnhealthy };
  Status status = Status::kStarting;
  unsigned failing_streak = 0;
  std::vector<HealthResult> log;  // oldest first
};

std::string_view health_name(Health::Status status);  // "starting", "healthy", "unhealthy"

// What is known after one more check, of a container that has run for `age`.
Health after_result(const HealthCheck& check, Health health, HealthResult result, std::chrono::milliseconds age);

base::Json to_json(const Health& health);
Health health_from_json(const base::Json& json, const std::string& where);

}  // namespace runtime
