#include "runtime/health.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

using std::chrono::milliseconds;

HealthSetting image_setting(const std::string& text) {
  return health_setting_of_image(base::parse_json(text, "x"), "x");
}

HealthResult failure() {
  return {.start = "a", .end = "b", .exit_code = 1, .output = "no"};
}
HealthResult success() {
  return {.start = "a", .end = "b", .exit_code = 0, .output = ""};
}

}  // namespace

TEST_CASE("an image's check, and the command line over it") {
  HealthSetting image = image_setting(
      R"({"Test":["CMD-SHELL","curl -f localhost"],"Interval":5000000000,"Timeout":1,"StartPeriod":0,"Retries":7})");
  HealthCheck check = health_check(image, {});
  CHECK(check.command == std::vector<std::string>{"/bin/sh", "-c", "curl -f localhost"});
  CHECK(check.interval == milliseconds(5000));
  CHECK(check.timeout == kLeastHealthTime);
  CHECK(check.retries == 7);
  HealthSetting asked{.command = parse_health_command(R"(["/app", "--check"])"), .retries = 2};
  check = health_check(image, asked);
  CHECK(check.command == std::vector<std::string>{"/app", "--check"});
  CHECK(check.interval == milliseconds(5000));
  CHECK(check.retries == 2);
  CHECK(health_check(image, {.disabled = true}).command.empty());
  HealthSetting none = image_setting(R"({"Test":["NONE"]})");
  CHECK(health_check(none, {}).command.empty());
  CHECK_FALSE(health_check(none, asked).command.empty());
  CHECK(health_check(image_setting("{}"), {}).command.empty());
  CHECK(image_setting(R"({"Test":["CMD","a","b"]})").command == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an image's check of another shape is refused") {
  for (const char* text : {"[]", R"({"Test":"x"})", R"({"Test":[1]})", R"({"Test":["CMD"]})",
                           R"({"Test":["ELSE","x"]})", R"({"Test":["CMD-SHELL"]})"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(image_setting(text), base::Error);
  }
  CHECK(image_setting(R"({"Interval":18446744073709551615,"Retries":99999999999})").interval == kMostHealthTime);
  CHECK(image_setting(R"({"Interval":-5,"Retries":-1})").retries == std::nullopt);
}

TEST_CASE("a setting is read as it was written") {
  HealthSetting setting{.command = {{"x"}}, .interval = milliseconds(200), .retries = 4, .action = HealthAction::kStop};
  CHECK(to_json(health_setting_from_json(to_json(setting))) == to_json(setting));
  CHECK(to_json(health_setting_from_json(to_json(HealthSetting{}))) == base::Json::object());
}

TEST_CASE("times and commands within their bounds") {
  CHECK(parse_health_time("--x", "1m30s", false) == milliseconds(90000));
  CHECK(parse_health_time("--x", "0s", true) == milliseconds(0));
  for (const char* text : {"", "0s", "1ms", "25h", "5", "soon"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_health_time("--x", text, false), base::UsageError);
  }
  for (const char* text : {"", " ", "[", "[]", "[1]"}) CHECK_THROWS_AS(parse_health_command(text), base::UsageError);
  CHECK_THROWS_AS(parse_health_action("reboot"), base::UsageError);
}

TEST_CASE("failures count one after the other, and not before the first success in the start period") {
  HealthCheck check;
  check.start_period = milliseconds(1000);
  check.retries = 2;
  Health health;
  for (int i = 0; i < 5; i++) health = after_result(check, health, failure(), milliseconds(999));
  CHECK(health.status == Health::Status::kStarting);
  CHECK(health.failing_streak == 0);
  health = after_result(check, health, failure(), milliseconds(1000));
  CHECK(health.status == Health::Status::kStarting);
  CHECK(health.failing_streak == 1);
  health = after_result(check, health, success(), milliseconds(500));
  CHECK(health.status == Health::Status::kHealthy);
  health = after_result(check, health, failure(), milliseconds(600));
  CHECK(health.status == Health::Status::kHealthy);
  health = after_result(check, health, failure(), milliseconds(700));
  CHECK(health.status == Health::Status::kUnhealthy);
  CHECK(health.log.size() == kHealthResults);
  health = after_result(check, health, success(), milliseconds(800));
  CHECK(health.status == Health::Status::kHealthy);
  CHECK(health.failing_streak == 0);
}

TEST_CASE("what is kept is bounded, and read as it was written") {
  HealthResult loud = failure();
  loud.output.assign(100000, 'x');
  Health health = after_result({}, {}, loud, milliseconds(0));
  CHECK(health.log.back().output.size() == kHealthOutput);
  CHECK(to_json(health_from_json(to_json(health), "x")) == to_json(health));
  CHECK_THROWS_AS(health_from_json(base::parse_json(R"({"status":1})", "x"), "x"), base::Error);
}

}  // namespace runtime
