#pragma once
// Log lines on standard error: "<level>: <text>" for people, with "<N>" priorities (sd-daemon(3)) in front when
// standard error is the journal. One line a call, written with one write(2). Any thread may log. Secrets never go here.

#include <format>
#include <string_view>

namespace base {

enum class LogLevel { kError = 3, kWarning = 4, kInfo = 6, kDebug = 7 };

// Lines above this level are dropped. Default kInfo.
void set_log_level(LogLevel level);
LogLevel log_level();

// Control characters in `text` are replaced by '?', so that input from outside cannot forge lines.
void log_line(LogLevel level, std::string_view text);

template <typename... Args>
void log_error(std::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, std::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(std::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, std::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(std::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, std::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(std::format_string<Args...> format, Args&&... args) {
  if (log_level() >= LogLevel::kDebug) log_line(LogLevel::kDebug, std::format(format, std::forward<Args>(args)...));
}

}  // namespace base
