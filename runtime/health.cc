#include "runtime/health.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

using base::Json;
using std::chrono::milliseconds;

constexpr std::array<std::pair<HealthAction, std::string_view>, 4> kActions = {{
    {HealthAction::kNone, "none"},
    {HealthAction::kKill, "kill"},
    {HealthAction::kRestart, "restart"},
    {HealthAction::kStop, "stop"},
}};
constexpr std::size_t kMostWords = 1000;

std::string_view action_name(HealthAction action) {
  return std::ranges::find(kActions, action, [](const auto& known) { return known.first; })->second;
}

std::vector<std::string> for_shell(const std::string& line) {
  return {"/bin/sh", "-c", line};
}

// Nanoseconds, where 0 is "not said".
std::optional<milliseconds> image_time(const Json& json, const char* member, milliseconds least) {
  auto found = json.find(member);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  auto nanoseconds =
      found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX ? INT64_MAX : found->get<std::int64_t>();
  if (nanoseconds <= 0) return std::nullopt;
  return std::clamp(milliseconds(nanoseconds / 1000000), least, kMostHealthTime);
}

void put_time(Json& json, const char* member, const std::optional<milliseconds>& time) {
  if (time) json[member] = time->count();
}

std::optional<milliseconds> get_time(const Json& json, const char* member) {
  auto found = json.find(member);
  if (found == json.end()) return std::nullopt;
  return std::clamp(milliseconds(found->get<std::int64_t>()), milliseconds(0), kMostHealthTime);
}

}  // namespace

HealthCheck health_check(const HealthSetting& image, const HealthSetting& asked) {
  HealthCheck check;
  if (asked.disabled || (image.disabled && !asked.command)) return check;
  for (const HealthSetting* setting : {&image, &asked}) {
    if (setting->command) check.command = *setting->command;
    check.interval = setting->interval.value_or(check.interval);
    check.timeout = setting->timeout.value_or(check.timeout);
    check.start_period = setting->start_period.value_or(check.start_period);
    check.retries = setting->retries.value_or(check.retries);
  }
  check.action = asked.action;
  return check;
}

milliseconds parse_health_time(std::string_view option, const std::string& text, bool may_be_zero) {
  auto time = base::parse_duration(text);
  auto milli = time ? std::chrono::duration_cast<milliseconds>(*time) : milliseconds(-1);
  if (may_be_zero && time && milli.count() == 0) return milli;
  if (milli < kLeastHealthTime || milli > kMostHealthTime) {
    throw base::UsageError(std::string(option) + " '" + text + "': expected a time from 100ms to 24h, as 30s");
  }
  return milli;
}

std::vector<std::string> parse_health_command(const std::string& text) {
  if (base::trim(text).empty()) throw base::UsageError("--health-cmd: expected a command");
  if (!text.starts_with('[')) return for_shell(text);
  try {
    Json list = base::parse_json(text, "--health-cmd");
    auto words = list.get<std::vector<std::string>>();
    if (!words.empty() && words.size() <= kMostWords) return words;
  } catch (const std::exception&) {
    // It is told below.
  }
  throw base::UsageError("--health-cmd '" + text +
                         R"(': expected a line for /bin/sh, or a list as ["/app", "--check"])");
}

HealthAction parse_health_action(const std::string& text) {
  for (const auto& [action, name] : kActions) {
    if (name == text) return action;
  }
  throw base::UsageError("--health-on-failure '" + text + "': expected none, kill, restart or stop");
}

HealthSetting health_setting_of_image(const Json& json, std::string_view where) {
  auto wrong = [&] {
    return base::Error("manifest", where, "'Healthcheck.Test' must be a list that begins with NONE, CMD or CMD-SHELL");
  };
  HealthSetting setting;
  if (!json.is_object()) throw base::Error("manifest", where, "'Healthcheck' must be an object");
  setting.interval = image_time(json, "Interval", kLeastHealthTime);
  setting.timeout = image_time(json, "Timeout", kLeastHealthTime);
  setting.start_period = image_time(json, "StartPeriod", milliseconds(0));
  auto retries = json.find("Retries");
  if (retries != json.end() && retries->is_number_unsigned() && retries->get<std::uint64_t>() > 0) {
    setting.retries = static_cast<unsigned>(std::min<std::uint64_t>(retries->get<std::uint64_t>(), kMostRetries));
  }
  auto test = json.find("Test");
  if (test == json.end() || test->is_null() || test->empty()) return setting;
  if (!test->is_array() || test->size() > kMostWords) throw wrong();
  if (!std::ranges::all_of(*test, [](const Json& word) { return word.is_string(); })) throw wrong();
  auto words = test->get<std::vector<std::string>>();
  if (words.front() == "NONE") {
    setting.disabled = true;
  } else if (words.front() == "CMD-SHELL" && words.size() == 2) {
    setting.command = for_shell(words.back());
  } else if (words.front() == "CMD" && words.size() >= 2) {
    setting.command.emplace(words.begin() + 1, words.end());
  } else {
    throw wrong();
  }
  return setting;
}

Json to_json(const HealthSetting& setting) {
  Json json = Json::object();
  if (setting.disabled) json["disabled"] = true;
  if (setting.command) json["command"] = *setting.command;
  put_time(json, "intervalMilliseconds", setting.interval);
  put_time(json, "timeoutMilliseconds", setting.timeout);
  put_time(json, "startPeriodMilliseconds", setting.start_period);
  if (setting.retries) json["retries"] = *setting.retries;
  if (setting.action != HealthAction::kNone) json["onFailure"] = action_name(setting.action);
  return json;
}

HealthSetting health_setting_from_json(const Json& json) {
  HealthSetting setting;
  setting.disabled = json.value("disabled", false);
  if (json.contains("command")) setting.command = json.at("command").get<std::vector<std::string>>();
  setting.interval = get_time(json, "intervalMilliseconds");
  setting.timeout = get_time(json, "timeoutMilliseconds");
  setting.start_period = get_time(json, "startPeriodMilliseconds");
  if (json.contains("retries")) setting.retries = json.at("retries").get<unsigned>();
  setting.action = parse_health_action(json.value("onFailure", std::string("none")));
  return setting;
}

std::string_view health_name(Health::Status status) {
  switch (status) {
    case Health::Status::kStarting:
      return "starting";
    case Health::Status::kHealthy:
      return "healthy";
    case Health::Status::kUnhealthy:
      return "unhealthy";
  }
  return "";
}

Health after_result(const HealthCheck& check, Health health, HealthResult result, milliseconds age) {
  if (result.output.size() > kHealthOutput) result.output.resize(kHealthOutput);
  if (result.exit_code == 0) {
    health.status = Health::Status::kHealthy;
    health.failing_streak = 0;
  } else if (health.status != Health::Status::kStarting || age >= check.start_period) {
    health.failing_streak++;
    if (health.failing_streak >= check.retries) health.status = Health::Status::kUnhealthy;
  }
  health.log.push_back(std::move(result));
  if (health.log.size() > kHealthResults) {
    health.log.erase(health.log.begin(), health.log.end() - static_cast<std::ptrdiff_t>(kHealthResults));
  }
  return health;
}

Json to_json(const Health& health) {
  Json log = Json::array();
  for (const HealthResult& result : health.log) {
    log.push_back(
        {{"start", result.start}, {"end", result.end}, {"exitCode", result.exit_code}, {"output", result.output}});
  }
  return {{"status", health_name(health.status)}, {"failingStreak", health.failing_streak}, {"log", log}};
}

Health health_from_json(const Json& json, const std::string& where) {
  Health health;
  try {
    auto name = json.at("status").get<std::string>();
    for (Health::Status status : {Health::Status::kStarting, Health::Status::kHealthy, Health::Status::kUnhealthy}) {
      if (health_name(status) == name) health.status = status;
    }
    health.failing_streak = json.at("failingStreak").get<unsigned>();
    for (const Json& result : json.at("log")) {
      if (health.log.size() == kHealthResults) break;
      health.log.push_back({.start = result.at("start").get<std::string>(),
                            .end = result.at("end").get<std::string>(),
                            .exit_code = result.at("exitCode").get<int>(),
                            .output = result.at("output").get<std::string>()});
    }
  } catch (const Json::exception& error) {
    throw base::Error("read", where, error.what());
  }
  return health;
}

}  // namespace runtime
