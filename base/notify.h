#pragma once
// sd_notify(3): a daemon tells systemd that it is ready, alive, stopping. No effect without $NOTIFY_SOCKET.

#include <chrono>
#include <optional>
#include <string_view>

namespace base {

void notify_ready(std::string_view status);
void notify_status(std::string_view status);
void notify_watchdog();
void notify_stopping();

// Half of $WATCHDOG_USEC: how often to call notify_watchdog(). Nothing when systemd does not watch us.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace base
