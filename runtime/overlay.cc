// overlayfs takes layers by path, and before Linux 6.15 refuses detached mounts. So the id-mapped trees are attached
// below a tmpfs for the moment, in this process' own mount namespace, and taken away when overlayfs has its copies.

#include "runtime/overlay.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxLayers = 500;  // overlayfs' own bound

}  // namespace

base::Fd mount_overlay(const RootFilesystem& root, const base::Fd* user_namespace) {
  if (root.layers.empty() || root.layers.size() > kMaxLayers) {
    throw base::Error("mount overlay", "/", std::to_string(root.layers.size()) + " layers (allowed: 1 to 500)");
  }
  std::string stage = root.work + ".layers";
  base::make_directories(stage, 0700);
  base::Fd space = new_filesystem("tmpfs", {{"mode", "700"}, {"size", "1m"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  attach(space, base::open_file(stage, O_PATH | O_DIRECTORY), stage);

  // The first one given to overlayfs is the topmost.
  std::vector<MountParameter> parameters;
  for (std::size_t i = root.layers.size(); i-- > 0;) {
    std::string name = std::to_string(i);
    base::check(mkdirat(space.get(), name.c_str(), 0700), "make directory", stage + "/" + name);
    base::Fd tree = clone_tree(root.layers[i], false);
    if (user_namespace != nullptr) map_ids(tree, *user_namespace, false, root.layers[i]);
    attach(tree, base::open_file(stage + "/" + name, O_PATH | O_DIRECTORY), stage + "/" + name);
    parameters.emplace_back("lowerdir+", stage + "/" + name);
  }
  parameters.emplace_back("upperdir", root.upper);
  parameters.emplace_back("workdir", root.work);
  parameters.emplace_back("source", "overlay");
  base::Fd overlay = new_filesystem("overlay", parameters, MOUNT_ATTR_NODEV);
  base::check(umount2(stage.c_str(), MNT_DETACH), "unmount", stage);
  return overlay;
}

}  // namespace runtime
