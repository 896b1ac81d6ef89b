#pragma once
// Making and joining namespaces (namespaces(7), clone3(2), setns(2)).

#include <linux/sched.h>

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/spec.h"

namespace runtime {

// Existing namespaces that a container joins, opened and seen to be of the right kind, in the order of joining.
class JoinedNamespaces {
 public:
  // Throws base::Error for a path that is no such namespace, and for a mount namespace that is our own.
  static JoinedNamespaces open(const Namespaces& namespaces);

  bool empty() const { return joined_.empty(); }
  void join() const;  // all of them; from then on the host's rights may be gone

 private:
  struct Joined {
    base::Fd fd;
    int kind;  // CLONE_NEW*
    std::string path;
  };
  std::vector<Joined> joined_;
};

// clone3(2) into the container's namespaces, new and joined ones. `arguments` hold what else is wanted (its cgroup);
// the child dies with SIGCHLD for us, whoever made it. Returns 0 in the child, which has the host's ids still, and its
// pid in the parent, which stays in all of its own namespaces. Single-threaded callers only. Throws base::Error.
int clone_into_namespaces(const ContainerSpec& spec, const JoinedNamespaces& joined, clone_args arguments,
                          base::Fd& pid_fd);

// A user namespace with these maps and nobody in it, for an id-mapped mount. Throws base::Error.
base::Fd make_user_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

// Writes the maps of a process' new user namespace.
void write_id_maps(int pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

}  // namespace runtime
