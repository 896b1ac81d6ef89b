#include "runtime/mount_api.h"

#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/error.h"
#include "base/text.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxParameter = 255;  // bytes, fsconfig(2)'s bound

// The reason that the kernel left on a file system context ("e <text>"), better than its errno.
std::string context_reason(const base::Fd& context, int error_number) {
  char text[512];
  ssize_t length = read(context.get(), text, sizeof text - 1);
  std::string reason = base::Error("", "", error_number).what();
  if (length <= 2) return reason;
  std::string_view message(text + 2, static_cast<std::size_t>(length) - 2);
  return reason + " (" + std::string(base::trim(message)) + ")";
}

}  // namespace

base::Fd new_filesystem(const std::string& type, const std::vector<MountParameter>& parameters,
                        std::uint64_t attributes) {
  std::string what = "mount " + type;
  base::Fd context(base::check(fsopen(type.c_str(), FSOPEN_CLOEXEC), what));
  bool has_source = std::ranges::any_of(parameters, [](const MountParameter& p) { return p.first == "source"; });
  // What mountinfo(5) shows; its absence would read "none".
  if (!has_source) fsconfig(context.get(), FSCONFIG_SET_STRING, "source", type.c_str(), 0);
  for (const auto& [key, value] : parameters) {
    if (value.size() > kMaxParameter) {
      throw base::Error(what, key, "its value has more than " + std::to_string(kMaxParameter) + " bytes");
    }
    int result = value.empty() ? fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                               : fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (result < 0) {
      throw base::Error(what, value.empty() ? key : key + "=" + value, context_reason(context, errno));
    }
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    throw base::Error(what, "", context_reason(context, errno));
  }
  return base::Fd(base::check(fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)), what));
}

base::Fd clone_tree(const std::string& path, bool recursive, bool follow) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u);
  if (!follow) flags |= AT_SYMLINK_NOFOLLOW;
  return base::Fd(base::check(open_tree(AT_FDCWD, path.c_str(), flags), "bind", path));
}

base::Fd clone_tree_at(const base::Fd& at, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  return base::Fd(base::check(open_tree(at.get(), "", flags), "bind"));
}

void change_attributes(const base::Fd& tree, std::uint64_t set, std::uint64_t clear, bool recursive,
                       const std::string& what) {
  mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = 0, .userns_fd = 0};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  base::check(mount_setattr(tree.get(), "", flags, &attributes, sizeof attributes), "change mount flags of", what);
}

void change_propagation(const base::Fd& tree, std::uint64_t propagation, const std::string& what) {
  mount_attr attributes = {
      .attr_set = 0, .attr_clr = 0, .propagation = propagation & ~static_cast<std::uint64_t>(MS_REC), .userns_fd = 0};
  unsigned flags = AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0u);
  base::check(mount_setattr(tree.get(), "", flags, &attributes, sizeof attributes), "change propagation of", what);
}

void map_ids(const base::Fd& tree, const base::Fd& user_namespace, bool recursive, const std::string& what) {
  mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP,
                           .attr_clr = 0,
                           .propagation = 0,
                           .userns_fd = static_cast<std::uint64_t>(user_namespace.get())};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  base::check(mount_setattr(tree.get(), "", flags, &attributes, sizeof attributes), "id-map", what);
}

void attach(const base::Fd& tree, const base::Fd& target, const std::string& what) {
  base::check(move_mount(tree.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
              "mount on", what);
}

void detach(const base::Fd& tree, const std::string& what) {
  base::check(umount2(proc_path(tree).c_str(), MNT_DETACH), "unmount", what);
}

base::Fd find_below(const base::Fd& root, const std::string& path, int flags, Links links) {
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (links == Links::kRefuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  // An empty path is the root itself.
  const std::string& name = path.empty() ? "." : path;
  for (int attempt = 0;; attempt++) {
    long fd = syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof how);
    if (fd >= 0) return base::Fd(static_cast<int>(fd));
    // EAGAIN: a rename raced with a ".." in the path.
    if (errno == EAGAIN && attempt < 100) continue;
    if (errno == ENOENT) return base::Fd();
    if (errno == ELOOP && links == Links::kRefuse) {
      throw base::Error("open in the container", path, "a symbolic link is on the way");
    }
    base::throw_errno("open in the container", path);
  }
}

namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own

// A link that leads nowhere yet: what it names is made instead, still below the root.
std::string target_of_link(const base::Fd& parent, const std::string& name, const std::string& parent_path) {
  std::string target(PATH_MAX, '\0');
  ssize_t length = readlinkat(parent.get(), name.c_str(), target.data(), target.size());
  if (length <= 0) return "";
  target.resize(static_cast<std::size_t>(length));
  return target.starts_with('/') ? target : parent_path + "/" + target;
}

base::Fd make_below_with(const base::Fd& root, const std::string& path, bool directory, Links links, int links_left) {
  if (base::Fd found = find_below(root, path, O_PATH, links)) return found;
  std::string done;
  base::Fd parent = find_below(root, "", O_PATH | O_DIRECTORY, links);
  std::vector<std::string> parts;
  for (const std::string& part : base::split(path, '/')) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  for (std::size_t i = 0; i < parts.size(); i++) {
    bool last = i + 1 == parts.size();
    std::string next = done + "/" + parts[i];
    int flags = O_PATH | (last && !directory ? 0 : O_DIRECTORY);
    base::Fd here = find_below(root, next, flags, links);
    if (!here) {
      bool file = last && !directory;
      base::Fd made;
      int result = -1;
      if (file) {
        made = base::Fd(
            openat(parent.get(), parts[i].c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644));
        result = made.get();
      } else {
        result = mkdirat(parent.get(), parts[i].c_str(), 0755);
      }
      if (result < 0 && errno == EEXIST && links == Links::kFollow && links_left > 0) {
        std::string target = target_of_link(parent, parts[i], done);
        if (!target.empty()) make_below_with(root, target, !file, links, links_left - 1);
      } else if (result < 0) {
        base::throw_errno("create in the container", path);
      }
      here = find_below(root, next, flags, links);
      if (!here) throw base::Error("create in the container", path, "it vanished at once");
    }
    parent = std::move(here);
    done = next;
  }
  return parent;
}

}  // namespace

base::Fd make_below(const base::Fd& root, const std::string& path, bool directory, Links links) {
  return make_below_with(root, path, directory, links, kMaxLinks);
}

}  // namespace runtime
