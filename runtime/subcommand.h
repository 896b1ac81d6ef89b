#pragma once
// A command of `container` that has commands of its own: `container volume create NAME`.

#include <span>
#include <string>
#include <string_view>

#include "base/applet.h"

namespace runtime {

struct Subcommand {
  std::string_view name;
  std::size_t min_arguments;  // after its name
  std::size_t max_arguments;
  int (*run)(const base::Invocation&);  // which has the arguments after the name alone
};

// Completes a command that has such: `.arguments` and the rest are its own.
base::Command with_subcommands(base::Command command, int (*run)(const base::Invocation&));

// Runs the one that the first argument names. Throws base::UsageError for another word, and for too few or too many
// arguments.
int run_subcommand(const base::Invocation& invocation, std::span<const Subcommand> commands);

}  // namespace runtime
