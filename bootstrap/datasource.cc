#include "bootstrap/datasource.h"

#include "base/error.h"
#include "base/file.h"
#include "bootstrap/files.h"
#include "bootstrap/parse.h"
#include "bootstrap/volume.h"

namespace bootstrap {
namespace {

std::optional<std::string> read_bounded(const base::Fd& directory, const std::string& name) {
  return base::read_file_at_if_exists(directory, name, kMaxUserData);
}

}  // namespace

Seed read_nocloud_directory(const base::Fd& directory, const std::string& source) {
  return {source, "user-data", read_bounded(directory, "user-data").value_or(""),
          read_bounded(directory, "meta-data").value_or("")};
}

std::optional<Seed> read_nocloud() {
  const auto volume = find_nocloud_volume();
  if (!volume) return std::nullopt;
  return read_nocloud_directory(mount_volume(*volume), "NoCloud volume " + volume->device);
}

std::optional<Seed> read_installed(const base::Fd& root) {
  const std::string own = "/var/lib/clusteros/bootstrap";
  const Parent directory = open_parent(root, own + "/user-data", false);
  if (directory.directory.valid() && read_bounded(directory.directory, "user-data")) {
    Seed seed = read_nocloud_directory(directory.directory, "file " + own + "/user-data");
    seed.file = own + "/user-data";
    return seed;
  }
  const std::string old = "/var/lib/coreos-install/user_data";
  const Parent parent = open_parent(root, old, false);
  if (!parent.directory.valid()) return std::nullopt;
  auto text = read_bounded(parent.directory, parent.name);
  if (!text) return std::nullopt;
  return Seed{"file " + old, old, std::move(*text), ""};
}

Seed read_from_file(const std::string& path) {
  return {"file " + path, path, base::read_file(path, kMaxUserData), ""};
}

}  // namespace bootstrap
