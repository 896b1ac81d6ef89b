#pragma once
// The life of a container of `oci-runtime`: created from a bundle, started, ended, deleted. Nobody looks after it in
// between; its process tells how far it is. All throw base::Error or StartError.

#include <optional>
#include <string>
#include <string_view>

#include "runtime/launch.h"
#include "runtime/notify_proxy.h"
#include "runtime/state.h"

namespace runtime {

// The options of `create` and `run`. Paths are absolute, since hooks may have us change the mount namespace; "" is
// none.
struct CreateOptions {
  std::string bundle;
  std::string config = {};          // "": the bundle's config.json
  std::string pid_file = {};        // gets the pid
  std::string console_socket = {};  // gets the other end of the container's terminal
  std::string pidfd_socket = {};    // gets a pidfd of the container's process
  unsigned preserved_files = 0;     // descriptors from 3 on that the application gets
  bool new_keyring = true;
  bool systemd_cgroup = false;
  bool foreground = false;  // the caller looks after the terminal itself
  bool start = false;       // it may be started at once; whether it was says the state that it has then
};

Status status_of(const ContainerState& state);
std::string_view oci_status(const ContainerState& state);  // "creating", "created", "running", "paused", "stopped"
ContainerState load(const StateStore& store, const std::string& id);

// Throws when one of the descriptors that the application is to get is not open.
void check_preserved_files(const Process& process);

// Sets everything up; the program waits until start_container(). Nothing is left when it throws.
Launched create_container(StateStore& store, const std::string& id, const CreateOptions& options,
                          ContainerState& state);

// Runs the program. When $NOTIFY_SOCKET is set what the application says of itself goes there, by the proxy that is
// returned. A hook that fails ends the container, which is deleted then.
std::optional<NotifyProxy> start_container(StateStore& store, ContainerState& state);

// Ends what still runs in its cgroup, forgets it, and runs its poststop hooks (whose failure is logged).
void delete_container(StateStore& store, const ContainerState& state);

}  // namespace runtime
