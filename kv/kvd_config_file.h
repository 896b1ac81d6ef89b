#pragma once
// etcd's configuration file: YAML whose keys are the options' names, with the TLS files of clients and of members in
// the mappings client-transport-security and peer-transport-security.

#include <string>
#include <vector>

namespace kv {

struct ConfigFileOptions {
  std::vector<std::string> arguments;  // "--name=value", as on a command line
  std::vector<std::string> warnings;   // keys that mean nothing, as in etcd
};

// Pure. Throws base::UsageError with `path`, line and column.
ConfigFileOptions parse_config_file(const std::string& text, const std::string& path);

}  // namespace kv
