#pragma once
// A filter with SCMP_ACT_NOTIFY: the kernel stops a call, tells whoever holds the filter's descriptor, and takes the
// answer from there (seccomp_unotify(2)). The descriptor goes to the unix socket that the configuration names, beside
// the "container process state" of runtime-spec (config-linux.md), as runc and crun send it.

#include <string>

#include "base/json.h"
#include "runtime/channel.h"
#include "runtime/seccomp_filter.h"

namespace runtime {

// Inside: puts the filter on the calling process and returns when the listener has its descriptor, which it holds
// alone then. From the moment that the filter is there, this makes no system call: each may be one that waits for the
// listener's answer. One thread only, as before execve. Throws base::Error when the kernel refuses the filter; ends the
// process when nobody takes the descriptor.
void load_seccomp(const SeccompFilter& filter, Channel& channel);

// Outside, to the kListener that comes then: connects to the listener and hands the descriptor over. What goes wrong
// comes back as a kError. `pid`: of the process with the filter, `state`: the container's (hook_state()), as text.
void answer_listener_request(Channel& channel, const Message& request, const SeccompListener& listener, int pid,
                             const std::string& state);

// The state that a listener is given.
base::Json container_process_state(int pid, const std::string& metadata, const std::string& state);

// As part of state.json, for processes that join later. The program is in a file of its own.
base::Json seccomp_use_to_json(const SeccompFilter& filter);
void read_seccomp_use(const base::Json& json, SeccompFilter& filter);

}  // namespace runtime
