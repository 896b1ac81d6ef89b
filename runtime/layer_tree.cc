#include "runtime/layer_tree.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr const char* kOpaque = "trusted.overlay.opaque";

std::string shown(const LayerTree::Path& path) {
  return path.empty() ? "." : base::join(path, "/");
}

// -1 with errno on failure.
int open_beneath(const base::Fd& root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how)));
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

void set_opaque(int directory, const std::string& name) {
  base::check(fsetxattr(directory, kOpaque, "y", 1, 0), "mark as opaque", name);
}

// Owner before mode (chown clears set-user-id), then attributes (chown clears capabilities too).
void apply(int fd, const Attributes& attributes, const std::string& name) {
  base::check(fchown(fd, attributes.uid, attributes.gid), "chown", name);
  base::check(fchmod(fd, attributes.mode & 07777), "chmod", name);
  for (const auto& [key, value] : attributes.xattrs) {
    if (fsetxattr(fd, key.c_str(), value.data(), value.size(), 0) == 0) continue;
    // A file system without user attributes loses a nicety; one without capabilities breaks the program.
    if (errno == EOPNOTSUPP && key.starts_with("user.")) continue;
    base::throw_errno(std::format("set the attribute {} of", key), name);
  }
}

std::array<timespec, 2> times_of(std::int64_t seconds, long nanoseconds) {
  const timespec time{.tv_sec = seconds, .tv_nsec = nanoseconds};
  return {time, time};
}

}  // namespace

std::vector<std::string> layer_path(std::string_view name) {
  auto wrong = [&](std::string_view reason) { return base::Error("layer entry", name.substr(0, 200), reason); };
  if (name.size() > kMaxLayerPath) throw wrong(std::format("the name is longer than {} bytes", kMaxLayerPath));
  std::vector<std::string> result;
  for (std::string& component : base::split(name, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") throw wrong("'..' is not allowed");
    if (component.size() > kMaxLayerComponent) {
      throw wrong(std::format("a component is longer than {} bytes", kMaxLayerComponent));
    }
    result.push_back(std::move(component));
  }
  if (result.size() > kMaxLayerDepth) throw wrong(std::format("it is nested deeper than {}", kMaxLayerDepth));
  return result;
}

bool keeps_xattr(std::string_view name) {
  if (name == "security.capability") return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.") && name.size() <= 255;
}

const base::Fd& LayerTree::open_directory(const Path& path) {
  if (path.empty()) return root_;
  if (cached_ && cached_path_ == path) return cached_;
  int fd = open_beneath(root_, shown(path));
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    // Some builders leave parents out: make them one by one. A parent that this layer whited out becomes opaque.
    Path so_far;
    for (const std::string& component : path) {
      const Path above = so_far;
      so_far.push_back(component);
      const base::Fd step(open_beneath(root_, shown(above)));
      if (!step) break;
      struct stat status{};
      if (fstatat(step.get(), component.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!is_whiteout(status)) continue;
        base::check(unlinkat(step.get(), component.c_str(), 0), "unlink", shown(so_far));
      } else {
        status = {};
      }
      base::check(mkdirat(step.get(), component.c_str(), 0755), "mkdir", shown(so_far));
      const base::Fd made(base::check(open_beneath(step, component), "open", shown(so_far)));
      base::check(fchmod(made.get(), 0755), "chmod", shown(so_far));
      if (is_whiteout(status)) set_opaque(made.get(), shown(so_far));
    }
    fd = open_beneath(root_, shown(path));
  }
  if (fd < 0) {
    if (errno == ELOOP) {
      throw base::Error("layer entry", shown(path), "it leads through a symbolic link, which is not allowed");
    }
    base::throw_errno("layer entry", shown(path));
  }
  cached_ = base::Fd(fd);
  cached_path_ = path;
  return cached_;
}

LayerTree::Parent LayerTree::parent_of(const Path& path) {
  if (path.empty()) throw base::Error("layer entry", ".", "the root of a layer can only be a directory");
  const base::Fd& directory = open_directory(Path(path.begin(), path.end() - 1));
  return {.directory = directory.get(), .name = path.back()};
}

bool LayerTree::clear(const Parent& parent) {
  struct stat status{};
  if (fstatat(parent.directory, parent.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    base::throw_errno("stat", parent.name);
  }
  if (!S_ISDIR(status.st_mode)) {
    base::check(unlinkat(parent.directory, parent.name.c_str(), 0), "unlink", parent.name);
    return is_whiteout(status);
  }
  const base::Fd directory(base::check(fcntl(parent.directory, F_DUPFD_CLOEXEC, 0), "dup"));
  // The cached directory may be below the removed one; when it is the parent itself it stays.
  if (cached_.get() != parent.directory) cached_.reset();
  base::remove_tree_at(directory, parent.name);
  return false;
}

void LayerTree::make_directory(const Path& path, const Attributes& attributes) {
  bool opaque = false;
  if (!path.empty()) {
    const Parent parent = parent_of(path);
    struct stat status{};
    const bool there = fstatat(parent.directory, parent.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISDIR(status.st_mode)) opaque = clear(parent);
    if (!there || !S_ISDIR(status.st_mode)) {
      base::check(mkdirat(parent.directory, parent.name.c_str(), 0700), "mkdir", shown(path));
    }
  }
  const base::Fd& directory = open_directory(path);
  apply(directory.get(), attributes, shown(path));
  if (opaque) set_opaque(directory.get(), shown(path));
  directory_times_.emplace_back(path, std::pair(attributes.modified_seconds, attributes.modified_nanoseconds));
}

void LayerTree::make_symlink(const Path& path, const std::string& target, const Attributes& attributes) {
  if (target.empty() || target.size() > kMaxLayerPath) {
    throw base::Error("layer entry", shown(path), "the target of a symbolic link must have 1 to 4095 bytes");
  }
  const Parent parent = parent_of(path);
  clear(parent);
  base::check(symlinkat(target.c_str(), parent.directory, parent.name.c_str()), "symlink", shown(path));
  base::check(fchownat(parent.directory, parent.name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW),
              "chown", shown(path));
  const auto times = times_of(attributes.modified_seconds, attributes.modified_nanoseconds);
  base::check(utimensat(parent.directory, parent.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "set the time of",
              shown(path));
}

void LayerTree::make_node(const Path& path, mode_t type, dev_t device, const Attributes& attributes) {
  const Parent parent = parent_of(path);
  clear(parent);
  base::check(mknodat(parent.directory, parent.name.c_str(), type | 0600, device), "mknod", shown(path));
  base::check(fchownat(parent.directory, parent.name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW),
              "chown", shown(path));
  // Not a symbolic link: mknod has just made it, in a directory that nobody else can reach.
  base::check(fchmodat(parent.directory, parent.name.c_str(), attributes.mode & 07777, 0), "chmod", shown(path));
  const auto times = times_of(attributes.modified_seconds, attributes.modified_nanoseconds);
  base::check(utimensat(parent.directory, parent.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "set the time of",
              shown(path));
}

void LayerTree::make_hard_link(const Path& path, const Path& target) {
  if (path == target) return;
  auto wrong = [&](std::string_view reason) {
    return base::Error("layer entry", shown(path), std::format("hard link to {}: {}", shown(target), reason));
  };
  if (target.empty()) throw wrong("a directory cannot be linked");
  // The new name's directory first: opening it may make it, and the cache holds only one.
  const Parent to = parent_of(path);
  const base::Fd keep(base::check(fcntl(to.directory, F_DUPFD_CLOEXEC, 0), "dup"));
  const Path above(target.begin(), target.end() - 1);
  const base::Fd from(open_beneath(root_, shown(above)));
  if (!from) {
    throw wrong(errno == ELOOP ? "it leads through a symbolic link, which is not allowed" : "it is not in this layer");
  }
  struct stat status{};
  if (fstatat(from.get(), target.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || is_whiteout(status)) {
    throw wrong("it is not in this layer");
  }
  if (S_ISDIR(status.st_mode)) throw wrong("a directory cannot be linked");
  const Parent kept{.directory = keep.get(), .name = to.name};
  clear(kept);
  base::check(linkat(from.get(), target.back().c_str(), keep.get(), to.name.c_str(), 0), "link", shown(path));
}

void LayerTree::make_file(const Path& path, const Attributes& attributes,
                          const std::function<void(const base::Fd&)>& fill) {
  const Parent parent = parent_of(path);
  clear(parent);
  const base::Fd file(base::check(
      openat(parent.directory, parent.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
      "create", shown(path)));
  fill(file);
  apply(file.get(), attributes, shown(path));
  const auto times = times_of(attributes.modified_seconds, attributes.modified_nanoseconds);
  base::check(futimens(file.get(), times.data()), "set the time of", shown(path));
}

void LayerTree::make_whiteout(const Path& directory, const std::string& name) {
  if (name.empty() || name == "." || name == "..") {
    throw base::Error("layer entry", shown(directory) + "/.wh." + name, "a whiteout must name what it removes");
  }
  const base::Fd& parent = open_directory(directory);
  struct stat status{};
  if (fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    // Made by this layer, so it stays; a directory hides what lower layers have below that name.
    if (!S_ISDIR(status.st_mode)) return;
    Path path = directory;
    path.push_back(name);
    set_opaque(open_directory(path).get(), shown(path));
    return;
  }
  base::check(mknodat(parent.get(), name.c_str(), S_IFCHR | 0000, makedev(0, 0)), "make the whiteout of", name);
}

void LayerTree::make_opaque(const Path& directory) {
  set_opaque(open_directory(directory).get(), shown(directory));
}

void LayerTree::finish() {
  for (const auto& [path, time] : directory_times_) {
    const base::Fd directory(open_beneath(root_, shown(path)));
    if (!directory) continue;  // something else took its place
    const auto times = times_of(time.first, time.second);
    base::check(futimens(directory.get(), times.data()), "set the time of", shown(path));
  }
}

}  // namespace runtime
