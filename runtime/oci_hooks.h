#pragma once
// The object "hooks" of a configuration, and what is kept of it for the commands after `create`.

#include <string>

#include "base/json.h"
#include "runtime/hooks.h"
#include "runtime/oci_reader.h"
#include "runtime/state.h"

namespace runtime {

// Throws base::Error about a member that is wrong or unknown.
Hooks parse_hooks(ObjectReader hooks);
base::Json hooks_to_json(const Hooks& hooks);  // in the specification's form

// The state that a hook is given (runtime.md "State"), as text. `pid` as whoever reads it sees it.
std::string hook_state(const std::string& id, std::string_view status, int pid, const std::string& bundle,
                       const base::Json& annotations);

// What `start` and `delete` run, in the container's state directory.
void save_hooks(const StateStore& store, const std::string& id, const Hooks& hooks);
Hooks load_hooks(const StateStore& store, const std::string& id);

}  // namespace runtime
