#include "runtime/bind_mounts.h"

#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "runtime/mount_api.h"
#include "runtime/namespaces.h"
#include "runtime/secret_files.h"

namespace runtime {
namespace {

// "" when it is no link.
std::string link_text(const std::string& path) {
  std::string text(PATH_MAX, '\0');
  ssize_t length = readlink(path.c_str(), text.data(), text.size());
  if (length < 0 && errno != EINVAL) base::throw_errno("read link", path);
  text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  return text;
}

// A tree of a running container. Its mounts can be cloned only by one who is among them: a child, which enters them and
// hands the clone out. No link of theirs is followed, magic ones to our files least of all.
base::Fd clone_tree_of(int process, const std::string& path) {
  base::Fd mounts = base::open_file("/proc/" + std::to_string(process) + "/ns/mnt", O_RDONLY);
  auto [ours, theirs] = make_channel();
  pid_t helper = base::check(fork(), "fork");
  if (helper == 0) {
    try {
      base::check(setns(mounts.get(), CLONE_NEWNS), "enter the mounts of", std::to_string(process));
      base::Fd place = find_below(base::open_file("/", O_PATH | O_DIRECTORY), path, O_PATH, Links::kRefuse);
      if (!place) throw base::Error("bind", path, "the other container has none");
      base::Fd tree = clone_tree_at(place, true);
      theirs.send(kTree, 0, "", &tree);
    } catch (const base::Error& error) {
      theirs.send(kError, 125, error.what());
    }
    _exit(0);
  }
  theirs = Channel(base::Fd());
  std::optional<Message> message = ours.receive();
  while (waitpid(helper, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!message) throw base::Error("bind", path, "the helper died");
  if (message->kind == kError) throw base::Error(message->text, "", "");
  return std::move(message->fd);
}

BindSource open_source(const Mount& mount) {
  BindSource source;
  if (mount.copy_link) source.link = link_text(mount.source);
  if (!source.link.empty()) return source;
  source.tree = mount.of_process != 0 ? clone_tree_of(mount.of_process, mount.source)
                                      : clone_tree(mount.source, mount.recursive, mount.follow_source);
  if (mount.attributes != 0 || mount.cleared != 0) {
    change_attributes(source.tree, mount.attributes, mount.cleared, false, mount.source);
  }
  // What is to be filled is made read-only when that is done (make_filesystems_read_only()).
  std::uint64_t later = mount.copy_up ? MOUNT_ATTR_RDONLY : 0;
  if (mount.recursive_attributes != 0 || mount.recursive_cleared != 0) {
    change_attributes(source.tree, mount.recursive_attributes & ~later, mount.recursive_cleared, true, mount.source);
  }
  // It is a peer of the host's mount until something else is said.
  std::uint64_t propagation = mount.propagation != 0 ? mount.propagation : std::uint64_t{MS_PRIVATE | MS_REC};
  change_propagation(source.tree, propagation, mount.source);
  return source;
}

}  // namespace

void map_bind_owners(const Mount& mount, const base::Fd& tree, const base::Fd& user_namespace) {
  if (mount.id_map && !mount.id_map->uids.empty()) {
    base::Fd own_map = make_user_namespace(mount.id_map->uids, mount.id_map->gids);
    map_ids(tree, own_map, mount.id_map->recursive, mount.source);
  } else if (mount.id_map) {
    map_ids(tree, user_namespace, mount.id_map->recursive, mount.source);
  } else if (mount.id_mapped && user_namespace) {
    map_ids(tree, user_namespace, mount.recursive, mount.source);
  }
}

std::vector<BindSource> open_bind_sources(const ContainerSpec& spec) {
  std::vector<BindSource> sources;
  for (const Mount& mount : spec.mounts) {
    if (mount.type != "bind" || mount.remount) continue;
    sources.push_back(mount.secrets ? BindSource{.tree = make_secret_files(spec), .link = {}} : open_source(mount));
  }
  return sources;
}

void send_binds(const ContainerSpec& spec, const std::vector<BindSource>& sources, const base::Fd& user_namespace,
                Channel& channel) {
  std::size_t next = 0;
  for (const Mount& mount : spec.mounts) {
    if (mount.type != "bind" || mount.remount) continue;
    const BindSource& source = sources.at(next++);
    if (source.tree) map_bind_owners(mount, source.tree, user_namespace);
    channel.send(kTree, 0, source.link, source.tree ? &source.tree : nullptr);
  }
}

}  // namespace runtime
