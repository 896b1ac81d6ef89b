#pragma once
// What a container prints, kept as Kubernetes' CRI does: "<RFC 3339 time> stdout F <line>" (P: a part of a line, more
// comes). Bounded: a file of kLogBytes is renamed to log.1 (replacing the one before) and a new one begun.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace runtime {

inline constexpr std::uint64_t kLogBytes = 2 * 1024 * 1024;  // of each of the two files
inline constexpr std::size_t kLogLine = 16 * 1024;           // longer lines are kept in parts

class LogWriter {
 public:
  // `directory`: the container's state directory. Appends to what is there.
  explicit LogWriter(const std::string& directory);

  // Output as it comes, in any pieces. `stream` is "stdout" or "stderr"; `now` the time of these bytes, RFC 3339.
  void append(std::string_view stream, std::string_view data, std::string_view now);
  // The end of a stream: what stands without a newline is written as a part.
  void finish(std::string_view stream, std::string_view now);

 private:
  void write_line(std::string_view stream, char tag, std::string_view text, std::string_view now);
  std::string& pending(std::string_view stream) { return stream == "stderr" ? pending_error_ : pending_output_; }

  std::string path_;
  base::Fd file_;
  std::uint64_t size_ = 0;
  std::string pending_output_;
  std::string pending_error_;
};

// One line of a log.
struct LogLine {
  std::string_view time;
  std::string_view stream;
  bool whole = true;
  std::string_view text;
};
// False when it is no such line.
bool parse_log_line(std::string_view line, LogLine& result);

// What `container logs` asks for.
struct LogQuery {
  std::optional<std::chrono::system_clock::time_point> since = {}, until = {};
  std::optional<std::size_t> tail = {};  // the last lines of these
  bool follow = false;
};

// Gives the lines of the container's log that `query` asks for to `show`, oldest first; with query.follow, new ones too
// until `ended()` says so and everything has been shown.
void read_log(const std::string& directory, const LogQuery& query, const std::function<bool()>& ended,
              const std::function<void(const LogLine&)>& show);

}  // namespace runtime
