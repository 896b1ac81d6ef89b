#pragma once
// One round for one resource: keys of the store + template → file. And the reading of confd's folder.

#include <string>
#include <vector>

#include "discovery/confd/install.h"
#include "discovery/confd/keys.h"
#include "discovery/confd/resource.h"
#include "kv/client/client.h"

namespace discovery::confd {

struct LoadedResources {
  std::vector<Resource> resources;  // in the order of their file names
  std::vector<std::string> errors;  // of those that are refused, templates that do not parse included
};

// Reads <folder>/conf.d/*.toml and tries to parse their templates. Throws base::Error when conf.d cannot be read.
LoadedResources load_resources(const std::string& folder, const std::string& prefix);

// The values below the resource's keys, without the prefix. Throws base::Error.
Keys fetch_keys(kv::Client& store, const Resource& resource);

// Reads the template, fetches, renders, installs. Throws base::Error; the destination is then as it was.
Outcome process(const std::string& folder, const Resource& resource, kv::Client& store, const InstallOptions& options);

}  // namespace discovery::confd
