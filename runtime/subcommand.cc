#include "runtime/subcommand.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace runtime {

base::Command with_subcommands(base::Command command, int (*run)(const base::Invocation&)) {
  command.min_arguments = 1;
  command.max_arguments = base::kAnyNumber;
  command.run = run;
  return command;
}

int run_subcommand(const base::Invocation& invocation, std::span<const Subcommand> commands) {
  const std::string& word = invocation.arguments.front();
  auto found = std::ranges::find(commands, word, &Subcommand::name);
  if (found == commands.end()) {
    std::vector<std::string> names;
    for (const Subcommand& command : commands) names.emplace_back(command.name);
    throw base::UsageError(invocation.command + " '" + word + "': expected " + base::join(names, ", "));
  }
  base::Invocation inner = invocation;
  inner.arguments.erase(inner.arguments.begin());
  std::string name = invocation.command + " " + word;
  if (inner.arguments.size() < found->min_arguments) throw base::UsageError(name + ": an argument is missing");
  if (inner.arguments.size() > found->max_arguments) {
    throw base::UsageError(name + ": unexpected argument '" + inner.arguments[found->max_arguments] + "'");
  }
  return found->run(inner);
}

}  // namespace runtime
