#pragma once
// Containers kept by a `container` process: in the foreground, where it is what a person or a unit has started, and
// detached on a machine without systemd.

#include <functional>
#include <string>

#include "runtime/lifecycle.h"

namespace runtime {

struct Attachment {
  bool output = false;   // the container's output is ours, too
  bool input = false;    // our standard input is the container's; else it is empty
  bool restart = false;  // the restart policy counts
  // Its terminal or its input is held for those who attach themselves (attach_server.h), in the place of the two above.
  bool served = false;
  base::Fd* client = nullptr;  // one who is attached from the beginning; taken
};

inline constexpr std::string_view kAttachSocket = "attach";  // in the container's state directory

// True for one whose terminal or input a keeper in the background holds: made with --tty or --interactive.
bool is_served(const ContainerState& state);

// Marks the container as about to start, by a person, kept as `keeper` says. The caller holds its lock.
void begin_start(const Machine& machine, const std::string& id, Keeper keeper);

// Marks it as ended before it ran.
void record_start_failure(const Machine& machine, const std::string& id, int exit_code, const std::string& text);

// Starts the container and looks after it to its end; returns its exit code. `started` is called once the application
// runs. The caller holds the container's lock and has called begin_start(). Throws StartError or base::Error when it
// could not be started.
int run_to_the_end(const Machine& machine, const std::string& id, const Attachment& attachment,
                   const std::function<void()>& started);

// The same in a process of its own, in the background; returns once the application runs. `lock` goes to that process.
void start_in_background(const Machine& machine, const std::string& id, base::Fd lock);

// The same, and returns a connection for stay_attached(), which has been there from the first byte on. The restart
// policy does not count.
base::Fd start_attached_in_background(const Machine& machine, const std::string& id, base::Fd lock);

}  // namespace runtime
