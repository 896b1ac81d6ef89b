#pragma once
// Containers that share namespaces with another one: `--network container:NAME` and the like. They have its user
// namespace, too, with its ids: only in that one root has rights over the others, which belong to it. So all that a
// container joins are of one container.

#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/run_request.h"
#include "runtime/state.h"

namespace runtime {

// "private", "host", "container:NAME" of --pid, --ipc and --uts. Pure; throws base::UsageError.
std::string parse_namespace_mode(std::string_view option, const std::string& text);

// NAME, or the id, of the container that the request joins; "" for none. Throws base::UsageError for several.
std::string joined_container(const RunRequest& request);

// Its id instead of its name, since names change; and its user namespace, or none when it has none. Returns its state;
// nothing when the request joins none. Throws base::Error when it is not there, or does not fit.
std::optional<ContainerState> find_joined_container(const StateStore& store, RunRequest& request);

// Namespaces of a running container, held open while a start joins them.
class SharedNamespaces {
 public:
  // Throws base::Error when it does not run.
  static SharedNamespaces open(const ContainerState& state);

  // Lets the container join these, instead of having new ones; /dev/shm goes with ipc. It is open until the launch.
  struct Wanted {
    bool network = false, pid = false, ipc = false, uts = false;
  };
  void share(const Wanted& wanted, ContainerSpec& spec) const;

 private:
  int pid_ = 0;
  base::Fd user_, network_, pid_namespace_, ipc_, uts_;
};

// What of it a request joins.
SharedNamespaces::Wanted wanted_of(const RunRequest& request);

}  // namespace runtime
