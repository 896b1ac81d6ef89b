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

}  // namespace runtime
