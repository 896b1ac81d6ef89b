#pragma once
// A container's hooks (runtime-spec config.md "POSIX-platform Hooks"): programs of the host that are run at points of
// its life, with its state as JSON on their standard input.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace runtime {

struct Hook {
  std::string path;                           // absolute
  std::vector<std::string> arguments = {};    // argv; {path} when empty
  std::vector<std::string> environment = {};  // "NAME=value"
  std::optional<std::chrono::seconds> timeout = {};
};

struct Hooks {
  std::vector<Hook> prestart = {};
  std::vector<Hook> create_runtime = {};
  std::vector<Hook> create_container = {};
  std::vector<Hook> start_container = {};
  std::vector<Hook> poststart = {};
  std::vector<Hook> poststop = {};
};

}  // namespace runtime
