#pragma once
// The life of a container of `container`: made, started, ended, taken away. A container is files (state.h,
// run_request.h, container_data.h); whoever starts it reads them, so that it makes no difference who does and when.

#include <functional>
#include <string>
#include <vector>

#include "base/applet.h"
#include "runtime/launch.h"
#include "runtime/network.h"
#include "runtime/run_request.h"
#include "runtime/state.h"

namespace runtime {

// Where things are; from the applet's global options.
struct Machine {
  std::string root;   // images, writable layers
  std::string state;  // StateStore
  Subnet subnet;
};
Machine machine_of(const base::Invocation& invocation);

// Makes a container without starting it and returns its id; its lock is `lock` then. Throws base::Error when it could
// not be made; nothing is left then. `image_lock` keeps the image's layers until the state is written. `made` is its
// status from here on: kCreated, or kCreating where the caller starts it, so that nothing stays of one who is killed.
std::string create_container(const Machine& machine, const RunRequest& request, const Image& image, base::Fd image_lock,
                             Status made, base::Fd& lock);

// What the container was asked to be; nothing when it is not there, yet or any more. The second throws base::Error
// then.
std::optional<SavedRequest> find_request(const StateStore& store, const std::string& id);
SavedRequest load_request(const StateStore& store, const std::string& id);
void save_request(const StateStore& store, const std::string& id, const SavedRequest& saved);

// What a start has made; `claims` hold the host's published ports for as long as they are open.
struct Started {
  Launched launched;
  std::vector<base::Fd> claims;
};

// Starts a container from its files, in a cgroup of `plan`, and returns once the application runs; with a start socket
// in `files`, once it waits there. The caller must be
// the only one who starts it. Throws StartError or base::Error; what it had taken is given back then.
Started start_from_files(const Machine& machine, const std::string& id, const CgroupPlan& plan, bool die_with_parent,
                         InitFiles files);

// Writes down that it ended, takes back what it had while it ran, and removes it when that was asked for. `again`: the
// policy will start it again.
void finish(const Machine& machine, const std::string& id, int exit_code, bool out_of_memory, bool again);

// Looks after containers whose keeper has gone: what is left of them is taken away and their end is written down;
// those with --rm vanish. Writable layers without a container (a reboot) are removed. Every command calls it.
void settle(const Machine& machine);

// Removes a container that does not run, with its writable layer; its anonymous volumes stay, unless it is one with
// --rm.
void remove_container(const Machine& machine, const std::string& id);
// The same with its anonymous volumes.
void remove_with_volumes(const Machine& machine, const std::string& id);

// Waits until the container's end is written down. False after the time; a negative time is without end.
bool wait_until_settled(const StateStore& store, const std::string& id, int milliseconds);

// True for a container whose process is there, or about to be.
bool is_active(const ContainerState& state);

}  // namespace runtime
