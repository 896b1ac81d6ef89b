#pragma once
// The life of a container of `container run`: from its request to its end, and what others do to it in between.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/applet.h"
#include "runtime/image_store.h"
#include "runtime/network.h"
#include "runtime/run_options.h"
#include "runtime/state.h"

namespace runtime {

// Where things are; from the applet's global options.
struct Machine {
  std::string root;   // images, writable layers
  std::string state;  // StateStore
  Subnet subnet;
};
Machine machine_of(const base::Invocation& invocation);

struct RunRequest {
  std::string name;  // "": the id
  bool remove_at_exit = false;
  bool keep_standard_input = false;
  std::string network = "bridge";
  std::vector<PublishedPort> ports;
  std::vector<Volume> volumes;
  std::vector<std::string> environment;
  std::vector<std::string> dns_servers;
  std::optional<std::string> user, working_directory, entrypoint;
  std::string host_name;
  bool read_only = false;
  bool boot = false;  // a machine with an init of its own (boot.h)
  Resources resources;
  std::vector<std::string> command;
};

// Runs the container to its end and returns its exit code. `echo`: its output is ours too. `started` is called with
// its id once the application runs. Throws StartError or base::Error when it could not be started; nothing is left
// then. `image_lock` keeps the image's layers until the state is written.
int run_container(const Machine& machine, const RunRequest& request, const Image& image, base::Fd image_lock, bool echo,
                  const std::function<void(const std::string& id)>& started);

// Looks after containers whose supervisor was killed: what is left of them is taken away and their end is written
// down; those with --rm vanish. Writable layers without a container (a reboot) are removed. Every command calls it.
void settle(const Machine& machine);

// Removes a container that does not run, with its writable layer.
void remove_container(const Machine& machine, const ContainerState& state);

// Waits until nobody looks after the container any more, so that its end is written down. False after the time.
bool wait_until_settled(const StateStore& store, const std::string& id, int milliseconds);

}  // namespace runtime
