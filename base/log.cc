#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace base {
namespace {

std::atomic<LogLevel> current_level{LogLevel::kInfo};

// systemd sets JOURNAL_STREAM for a service whose standard error is the journal (systemd.exec(5)).
bool to_journal() {
  static const bool value = std::getenv("JOURNAL_STREAM") != nullptr && ::isatty(STDERR_FILENO) == 0;
  return value;
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error: ";
    case LogLevel::kWarning:
      return "warning: ";
    case LogLevel::kInfo:
      return "";
    case LogLevel::kDebug:
      return "debug: ";
  }
  return "";
}

}  // namespace

void set_log_level(LogLevel level) {
  current_level = level;
}

LogLevel log_level() {
  return current_level;
}

void log_line(LogLevel level, std::string_view text) {
  if (level > log_level()) return;
  std::string line = to_journal() ? std::format("<{}>", static_cast<int>(level)) : std::string(level_name(level));
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  line += '\n';
  // Nobody can be told when standard error is gone.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace base
