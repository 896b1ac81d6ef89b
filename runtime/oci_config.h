#pragma once
// A bundle's config.json (runtime-spec 1.3: config.md, config-linux.md) into a ContainerSpec. Strict: a member that
// this runtime does not act on is an Error which names it, so that nothing which a caller relies on is dropped
// silently.

#include <string>

#include "base/json.h"
#include "runtime/spec.h"

namespace runtime {

inline constexpr std::string_view kOciVersion = "1.3.0";

struct OciContainer {
  ContainerSpec spec;
  std::string cgroups_path;  // as given: absolute or relative, below the cgroup mount; "" when not given
};

// `bundle`: the absolute path of the bundle, for root.path and relative sources. Throws base::Error.
OciContainer parse_oci_config(const base::Json& config, const std::string& bundle, const std::string& id);

// The object "process" alone (exec --process).
Process parse_oci_process(const base::Json& process);

// What `spec` writes: the containers of `container run`, as a configuration.
base::Json default_oci_config();

}  // namespace runtime
