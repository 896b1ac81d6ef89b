#pragma once
// Where the user-data comes from. Sizes are bounded (kMaxUserData); anything larger is an Error.

#include <optional>
#include <string>

#include "base/fd.h"

namespace bootstrap {

struct Seed {
  std::string source;     // for people: "NoCloud volume /dev/vdb"
  std::string file;       // what findings are about: "user-data"
  std::string user_data;  // empty: none
  std::string meta_data;  // empty: none
};

// The NoCloud volume's files; nothing when the machine has no such volume.
std::optional<Seed> read_nocloud();

// NoCloud's files in an open directory: user-data and meta-data, either of which may be missing.
Seed read_nocloud_directory(const base::Fd& directory, const std::string& source);

// A file that the installer left: /var/lib/clusteros/bootstrap/user-data (with a meta-data beside it), or
// coreos-install's /var/lib/coreos-install/user_data. Nothing when there is none.
std::optional<Seed> read_installed(const base::Fd& root);

Seed read_from_file(const std::string& path);

}  // namespace bootstrap
