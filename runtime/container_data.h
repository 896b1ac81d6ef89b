#pragma once
// What a container has on the disk below the runtime's root: its writable layer, from `create` to `rm`, and the files
// in /etc that a runtime provides, written at each start. Layout: docs/runtime.md.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/run_request.h"
#include "runtime/spec.h"

namespace runtime {

struct Machine;  // lifecycle.h

std::string data_path(const Machine& machine, const std::string& id);
// Ids that have a directory, of any state directory.
std::vector<std::string> all_data(const Machine& machine);

// Makes the writable layer, owned by the container's root.
void make_layer(const Machine& machine, const std::string& id, std::uint32_t first_id);
// Writes resolv.conf, hosts and hostname and returns their mounts. `address`: the container's own, "" for none.
std::vector<Mount> write_etc_files(const Machine& machine, const std::string& id, std::uint32_t first_id,
                                   const RunRequest& request, const std::string& address);
// Removes all of it and gives the ids back.
void remove_data(const Machine& machine, const std::string& id);
// The same for the layers of this state directory whose container is not known any more.
void remove_orphans(const Machine& machine);

}  // namespace runtime
