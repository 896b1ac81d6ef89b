#include "base/notify.h"

#include <systemd/sd-daemon.h>

#include <format>
#include <string>

namespace base {

void notify_ready(std::string_view status) {
  sd_notify(0, std::format("READY=1\nSTATUS={}", status).c_str());
}

void notify_status(std::string_view status) {
  sd_notify(0, std::format("STATUS={}", status).c_str());
}

void notify_watchdog() {
  sd_notify(0, "WATCHDOG=1");
}

void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}

void notify_manager(const std::string& assignments) {
  sd_notify(0, assignments.c_str());
}

void notify_barrier() {
  constexpr std::uint64_t kWait = 1000000;  // microseconds
  // Managers other than systemd may not know the barrier.
  sd_notify_barrier(0, kWait);
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::milliseconds(microseconds / 2000);
}

}  // namespace base
