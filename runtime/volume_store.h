#pragma once
// Named volumes: directories that outlive containers, <root>/volumes/NAME/ with `data`, `volume.json` and `lock`. A
// volume is made under another name and renamed when it is whole, and renamed away before it is removed; so a name that
// is there is a volume. Files in it have the owners that containers see: their mounts are id-mapped.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace runtime {

enum class VolumeKind {
  kDirectory,  // filled at its first use with what the image has at that place
  kEmpty,      // empty at its first use
  kMemory,     // each container gets a file system in memory of its own, which goes with its end
};

struct VolumeInfo {
  std::string name;
  VolumeKind kind = VolumeKind::kDirectory;
  std::uint64_t size = 0;  // of kMemory: bytes; 0: half of the memory
  std::string created;     // RFC 3339
  bool filled = false;     // it was used: what is in it is an application's
  bool anonymous = false;  // made for one container, with a name of ours
};

std::string_view kind_name(VolumeKind kind);  // "directory", "empty", "tmpfs"
std::optional<VolumeKind> kind_by_name(std::string_view name);

class VolumeStore {
 public:
  // `root`: the runtime's.
  explicit VolumeStore(const std::string& root) : directory_(root + "/volumes") {}

  // A lock over all of them, for what makes, removes, or begins to use volumes. Takes away what a crash has left.
  base::Fd lock() const;
  // Of one volume, while it is filled for the first time.
  base::Fd lock_one(const std::string& name) const;

  // The caller holds lock(). Throws base::Error when there is one.
  void create(const VolumeInfo& info);
  // The same. Throws when there is none. Whether it is in use is the caller's to know.
  void remove(const std::string& name);

  std::optional<VolumeInfo> find(const std::string& name) const;
  VolumeInfo get(const std::string& name) const;  // throws base::Error when there is none
  std::vector<VolumeInfo> list() const;           // by name

  std::string data_path(const std::string& name) const;
  // Empties a volume that was never filled to the end. The caller holds lock_one().
  void clear(const std::string& name);
  // From here on what is in it is its users'. On the disk when it returns.
  void set_filled(const std::string& name);

 private:
  std::string path_of(const std::string& name, std::string_view file = "") const;

  std::string directory_;
};

}  // namespace runtime
