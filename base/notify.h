#pragma once
// sd_notify(3): a daemon tells systemd that it is ready, alive, stopping. No effect without $NOTIFY_SOCKET.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace base {

void notify_ready(std::string_view status);
void notify_status(std::string_view status);
void notify_watchdog();
void notify_stopping();

// These assignments ("READY=1\nMAINPID=7") as they stand.
void notify_manager(const std::string& assignments);
// Returns once the manager has taken in what was said (sd_notify_barrier(3)), after a second at most, so that the
// caller may end.
void notify_barrier();

// Half of $WATCHDOG_USEC: how often to call notify_watchdog(). Nothing when systemd does not watch us.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace base
