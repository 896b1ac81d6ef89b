#pragma once
// What `run` and `exec` do while a process of the container has our attention: signals go to it, its terminal is ours,
// its readiness is passed on.

#include "base/fd.h"
#include "runtime/notify_proxy.h"
#include "runtime/stats_sampling.h"

namespace runtime {

struct Foreground {
  const base::Fd& pid_fd;
  base::Fd terminal = {};         // the other end of its pty: its input and output are our standard files
  NotifyProxy* notify = nullptr;  // what it says of itself goes on
  StatsSampler* sampler = nullptr;
};

// Until the process has ended (it is not reaped). REQUIRES: hold_signals() before the process was made.
void stay_in_foreground(Foreground foreground);

}  // namespace runtime
