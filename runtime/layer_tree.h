#pragma once
// The directory that a layer is unpacked into. Every name comes from an untrusted tar: it is taken apart into
// components, ".." is refused, and parents are opened by openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, so
// that nothing can be made, changed or removed outside, and no symbolic link is ever followed (Linux 5.6 or later).

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace runtime {

inline constexpr std::size_t kMaxLayerPath = 4095;  // bytes, as Linux has it
inline constexpr std::size_t kMaxLayerComponent = 255;
inline constexpr std::size_t kMaxLayerDepth = 400;  // components; what is made here must be removable (base/file.h)

// "./a//b/" is {"a", "b"}; "/a" is {"a"} as Docker takes it; the root itself is {}. Throws Error on "..", and on what
// is too long.
std::vector<std::string> layer_path(std::string_view name);

struct Attributes {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  mode_t mode = 0;  // permission bits with set-user-id, set-group-id and sticky
  std::int64_t modified_seconds = 0;
  long modified_nanoseconds = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  // what the layer may keep, see keeps_xattr()
};

// user.* (but not user.overlay.*) and security.capability; all else would speak to the host's overlayfs or its LSM.
bool keeps_xattr(std::string_view name);

class LayerTree {
 public:
  using Path = std::vector<std::string>;

  explicit LayerTree(const base::Fd& root) : root_(root) {}

  // Each replaces what this layer had there before (a directory only gets the new attributes). The empty path is the
  // root: a directory only. Throw Error.
  void make_directory(const Path& path, const Attributes& attributes);
  void make_symlink(const Path& path, const std::string& target, const Attributes& attributes);
  void make_node(const Path& path, mode_t type, dev_t device,
                 const Attributes& attributes);  // S_IFCHR, S_IFBLK, S_IFIFO
  void make_hard_link(const Path& path, const Path& target);
  // `fill` writes the content to the new, empty file.
  void make_file(const Path& path, const Attributes& attributes, const std::function<void(const base::Fd&)>& fill);

  // ".wh.NAME" in `directory`: what lower layers have there is gone. What this layer has there stays.
  void make_whiteout(const Path& directory, const std::string& name);
  // ".wh..wh..opq": nothing of lower layers shows in this directory.
  void make_opaque(const Path& directory);

  // Directories get their times last, since making entries changes them.
  void finish();

 private:
  struct Parent {
    int directory;
    std::string name;
  };
  // Opens (and makes, 0755) the directory of `path`'s last component.
  Parent parent_of(const Path& path);
  const base::Fd& open_directory(const Path& path);
  // Removes what is at this name, if anything. True when it was a whiteout.
  bool clear(const Parent& parent);

  const base::Fd& root_;
  Path cached_path_;
  base::Fd cached_;  // the directory opened last
  std::vector<std::pair<Path, std::pair<std::int64_t, long>>> directory_times_;
};

}  // namespace runtime
