#pragma once
// Looking after one running container: its output goes to the log (and to our own), our signals go to it, and its end
// is seen. One call for the container's whole life.

#include <csignal>
#include <optional>
#include <string>

#include "base/fd.h"
#include "runtime/attach_server.h"
#include "runtime/launch.h"
#include "runtime/log_file.h"
#include "runtime/stats_sampling.h"

namespace runtime {

// The ends of the container's output and error that the supervisor keeps, and those for the container.
struct OutputPipes {
  base::Fd output_read, output_write;
  base::Fd error_read, error_write;
  // Instead of both, a pty's ends: `output_read` is the master, and this its slave, kept open until the container ends
  // (an init closes its console and opens it again for each line, and a pty without an open slave is hung up).
  base::Fd console = {};
};
// The terminal of a container as its only output.
OutputPipes console_pipes(base::Fd terminal);

// `owner`: the container's root on the host, so that /dev/stdout can be opened inside.
OutputPipes make_output_pipes(std::uint32_t owner);

// Blocks the signals that supervise() passes on. To be called before the container starts, so that none is lost.
void hold_signals();

// The held signals, one by one, for loops of one's own.
base::Fd open_signals();  // a signalfd(2), readable when there is one
std::optional<int> next_signal(const base::Fd& signals);
void send_signal(const base::Fd& pid_fd, int signal);  // no error when the process is gone

// Returns the exit code (128 + n for signal n). `echo`: also write the output to our own. `termination`: what is sent
// in place of TERM, INT and QUIT; 0 for themselves. `clients`: who is attached; null: nobody can be.
int supervise(Launched& container, OutputPipes& pipes, LogWriter& log, StatsSampler& sampler, bool echo,
              int termination = 0, AttachServer* clients = nullptr);

// Number of a signal: "TERM", "SIGTERM", "15". Throws base::Error.
int signal_by_name(const std::string& name);

// kill(2) by pidfd, after checking that the process is the one that was started then. False when it is gone.
bool signal_process(int pid, std::uint64_t start_time, int signal);

}  // namespace runtime
