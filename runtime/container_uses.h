#pragma once
// What of the runtime's named things a container has been promised: uses.json in its data, from `create` to `rm`. It
// goes with the container, so nothing has to be taken back, and a crash leaves no claim.

#include <map>
#include <string>
#include <vector>

#include "runtime/lifecycle.h"
#include "runtime/run_request.h"

namespace runtime {

// Makes the volumes that are not there, and writes down what the request names. Throws base::Error for what can be
// neither found nor made. REQUIRES: the container has its directory of data.
void claim_uses(const Machine& machine, const std::string& id, const RunRequest& request);

// From here on the removal of the container's data removes its anonymous volumes, too, whoever comes to finish it. So
// it is from the beginning for a request with --rm.
void let_volumes_go(const Machine& machine, const std::string& id);

// What of that has to be done for a container whose data are in `directory`, where nobody looks for users any more: the
// volumes go that no other container uses. It may be done again.
void remove_volumes_of(const Machine& machine, const std::string& directory);

// Which containers, by name, use a thing: name → names. Read while the things' lock is held, it stays true.
using Uses = std::map<std::string, std::vector<std::string>>;
Uses volume_uses(const Machine& machine);
Uses secret_uses(const Machine& machine);

// "in use by a, b". Throws that for one that is used.
void require_unused(const std::string& what, const std::string& name, const Uses& uses);

}  // namespace runtime
