#pragma once
// The inside: what a container's first process does between clone3(2) and execve(2), as a list of named steps.

#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/spec.h"

namespace runtime {

// What the process takes over from its parent besides the channel.
struct InitFiles {
  base::Fd standard_input;  // an invalid one: the parent's is kept
  base::Fd standard_output;
  base::Fd standard_error;
  base::Fd start_socket;  // a listening socket: wait for a connection before execve (oci-runtime create)
};

// Never returns: the application runs, or the reason went to the parent and the process is gone.
[[noreturn]] void container_main(const ContainerSpec& spec, Channel channel, InitFiles files);

// The last steps, also for a process that joins a running container: user, working directory, capabilities, filter,
// execve. `channel` must be close-on-exec; failures are sent over it. The process must already be in the container's
// root directory, and resource limits are the parent's to set (raising one needs the host's privilege).
[[noreturn]] void execute_process(const Process& process, Channel& channel, bool die_with_parent);

// Sends `error` as a kError message and ends the process.
[[noreturn]] void report_and_exit(Channel& channel, int code, const std::string& text);

}  // namespace runtime
