#pragma once
// Running another program: no shell in between, bounded output and time.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

struct ProcessResult {
  int exit_code = -1;        // 128 + signal when it was killed
  std::string output;        // standard output
  std::string error_output;  // standard error
  bool ok() const { return exit_code == 0; }
};

struct ProcessOptions {
  std::string_view input = {};                               // its standard input
  std::chrono::milliseconds timeout{30000};                  // then SIGKILL and an Error
  std::size_t max_output = 4 * 1024 * 1024;                  // bytes of either stream; more is an Error
  std::optional<std::vector<std::string>> environment = {};  // "K=V"; default: ours
};

// argv[0] is looked up in PATH. Throws Error when it cannot be started or breaks a bound; a non-zero exit is a value.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

}  // namespace base
