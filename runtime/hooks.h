#pragma once
// A container's hooks (runtime-spec config.md "POSIX-platform Hooks"): programs that are run at points of its life,
// with its state as JSON on their standard input.

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace runtime {

struct Hook {
  std::string path;                           // absolute
  std::vector<std::string> arguments = {};    // argv; {path} when empty
  std::vector<std::string> environment = {};  // "NAME=value"; all that it has
  std::optional<std::chrono::seconds> timeout = {};
};

struct Hooks {
  std::vector<Hook> prestart = {};
  std::vector<Hook> create_runtime = {};
  std::vector<Hook> create_container = {};
  std::vector<Hook> start_container = {};
  std::vector<Hook> poststart = {};
  std::vector<Hook> poststop = {};
  std::string bundle = {};  // for the state that they are given

  bool any() const { return before_pivot() || !start_container.empty() || !poststart.empty() || !poststop.empty(); }
  // True when some run while the container's root is mounted but not entered.
  bool before_pivot() const { return !prestart.empty() || !create_runtime.empty() || !create_container.empty(); }
};

// Runs them one after the other with `state` on their standard input; they get no other file of ours than their output,
// of which the end goes into the error. `kind` for messages: "poststart". Throws base::Error at the first that cannot
// be run, exits with another code than 0, or is killed because its time is up; those after it are not run.
void run_hooks(const char* kind, const std::vector<Hook>& hooks, const std::string& state);

// Where the runtime was before it joined namespaces of a container: hooks of the runtime namespace run there.
class RuntimeNamespaces {
 public:
  RuntimeNamespaces();
  // This process goes back to them (single-threaded only).
  void enter() const;

 private:
  std::array<base::Fd, 5> files_;
};

}  // namespace runtime
