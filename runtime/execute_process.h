#pragma once
// The last steps before a program runs in a container, for its first process and for those that join later: user,
// working directory, capabilities, filter, execve(2).

#include <functional>
#include <string>

#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/spec.h"

namespace runtime {

// Never returns. `channel` must be close-on-exec; failures are sent over it. The process must already be in the
// container's root directory, and resource limits are the parent's to set (raising one needs the host's privilege).
// `proc`: of open_proc(), needed when the process has a label. `last` is called when nothing is left but execve: with
// the rights of the program.
[[noreturn]] void execute_process(const Process& process, Channel& channel, bool die_with_parent, const base::Fd& proc,
                                  const std::function<void()>& last = {});

// The same error as from execve when there is no such program, or no right to execute it, before anything else is done:
// callers of `create` expect it there. Ends the process then. As root, from the container's root directory.
void require_program(const Process& process, Channel& channel);

// SIGKILL when the parent dies. A change of ids or capabilities clears it, so it is said again after each.
void kill_when_parent_dies();

// Sends `error` as a kError message and ends the process.
[[noreturn]] void report_and_exit(Channel& channel, int code, const std::string& text);

}  // namespace runtime
