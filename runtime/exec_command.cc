#include "runtime/exec_command.h"

#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/event_log.h"
#include "runtime/exec.h"
#include "runtime/launch.h"
#include "runtime/lifecycle.h"
#include "runtime/process_options.h"
#include "runtime/terminal.h"

namespace runtime {
namespace {

int exec(const base::Invocation& invocation) {
  try {
    protect_binary_from_ranges();
    Machine machine = machine_of(invocation);
    settle(machine);
    StateStore store(machine.state);
    ContainerState state = store.find(invocation.arguments.front());
    if (state.status != Status::kRunning) throw base::Error("container", state.name, "it is not running");
    if (!state.namespaces.user) protect_binary();
    Process process = state.process;
    process.arguments.assign(invocation.arguments.begin() + 1, invocation.arguments.end());
    process.environment = merge_environment(process.environment, environment_of(invocation));
    if (auto user = user_of(invocation)) process.user = *user;
    if (auto path = working_directory_of(invocation)) process.working_directory = *path;
    process.seccomp.program = seccomp_from_bytes(base::read_file(store.path_of(state.id, "seccomp")));
    bool detach = invocation.flag("detach");
    process.terminal = invocation.flag("tty");
    if (detach && (process.terminal || invocation.flag("interactive"))) {
      throw base::UsageError(
          "--detach and --tty or --interactive exclude each other: nobody stays who reads and writes");
    }
    take_size_of_ours(process);
    record_event(store, state, "exec", {{"command", base::join(process.arguments, " ")}});
    // A terminal that only shows is one whose reader has come to the end.
    base::Fd null;
    if (!invocation.flag("interactive")) {
      null = base::open_file("/dev/null", O_RDONLY);
      base::check(dup2(null.get(), STDIN_FILENO), "set standard input");
    }
    return exec_in_container(state, process, {.detach = detach});
  } catch (const StartError& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return error.exit_code();
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return 125;
  }
}

}  // namespace

base::Command exec_command() {
  base::Command command{
      .name = "exec",
      .arguments = "CONTAINER COMMAND [ARGUMENT...]",
      .summary = "run a further command in a running container",
      .options = {{.name = "interactive", .letter = 'i', .help = "keep standard input; it is empty otherwise"},
                  {.name = "tty", .letter = 't', .help = "give it a terminal, which is ours"},
                  {.name = "detach", .letter = 'd', .help = "return once it runs"}},
      .min_arguments = 2,
      .max_arguments = base::kAnyNumber,
      .run = exec,
      .pass_through = true};
  for (const base::Option& option : process_options()) command.options.push_back(option);
  return command;
}

}  // namespace runtime
