#include "runtime/health_options.h"

#include "base/error.h"

namespace runtime {

std::vector<base::Option> health_options() {
  return {
      {.name = "health-cmd",
       .value = "COMMAND",
       .help =
           "run this inside to see whether it is healthy: a line for /bin/sh, or a list as [\"/app\", \"--check\"]"},
      {.name = "health-interval", .value = "TIME", .help = "time between checks; the image's or 30s otherwise"},
      {.name = "health-timeout", .value = "TIME", .help = "time that a check may take; the image's or 30s otherwise"},
      {.name = "health-retries", .value = "NUMBER", .help = "failures in a row until it is unhealthy; 3 otherwise"},
      {.name = "health-start-period", .value = "TIME", .help = "time after the start in which failures do not count"},
      {.name = "health-on-failure",
       .value = "ACTION",
       .help = "what happens to an unhealthy container",
       .fallback = "none",
       .choices = {"none", "kill", "restart", "stop"}},
      {.name = "no-healthcheck", .help = "no check, also when the image has one"},
  };
}

HealthSetting health_setting_of(const base::Invocation& invocation) {
  HealthSetting setting;
  setting.disabled = invocation.flag("no-healthcheck");
  for (const char* option :
       {"health-cmd", "health-interval", "health-timeout", "health-retries", "health-start-period"}) {
    if (setting.disabled && invocation.given(option)) {
      throw base::UsageError("--no-healthcheck and --" + std::string(option) + " exclude each other");
    }
  }
  if (invocation.given("health-cmd")) setting.command = parse_health_command(invocation.get("health-cmd"));
  if (invocation.given("health-interval")) {
    setting.interval = parse_health_time("--health-interval", invocation.get("health-interval"), false);
  }
  if (invocation.given("health-timeout")) {
    setting.timeout = parse_health_time("--health-timeout", invocation.get("health-timeout"), false);
  }
  if (invocation.given("health-start-period")) {
    setting.start_period = parse_health_time("--health-start-period", invocation.get("health-start-period"), true);
  }
  if (invocation.given("health-retries")) {
    setting.retries = static_cast<unsigned>(invocation.number("health-retries", 1, kMostRetries));
  }
  setting.action = parse_health_action(invocation.get("health-on-failure"));
  return setting;
}

}  // namespace runtime
