#pragma once
// `container run --init`: a first process that passes signals on and reaps what nobody waits for, for applications
// that are not made to be process 1.

#include "runtime/channel.h"

namespace runtime {

// REQUIRES: everything is set but the program executed, and we are the first of a pid namespace. Returns in a child,
// which is the application's process, in front on a terminal. The caller's process stays as the init: as the same
// user and under the same filter, without any file of ours, and ends as the child does (128 + N for signal N).
void continue_below_init(Channel& channel);

}  // namespace runtime
