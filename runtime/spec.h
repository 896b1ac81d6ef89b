#pragma once
// What a container is to be, whoever asks: `container run` fills it from options and an image, `oci-runtime` from a
// bundle's config.json. Everything below this header works on it alone.

#include <sys/resource.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/capabilities.h"
#include "runtime/mount_api.h"
#include "runtime/seccomp_filter.h"

namespace runtime {

// One line of uid_map: `count` ids from `inside` are `outside`… on the host.
struct IdMapping {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
};

// Which namespaces are the container's own. The mount namespace always is.
struct Namespaces {
  bool user = true;
  bool pid = true;
  bool network = true;
  bool ipc = true;
  bool uts = true;
  bool cgroup = true;
  // Existing ones to join instead (paths on the host).
  std::string network_path = {};
  std::string ipc_path = {};
  std::string uts_path = {};
  std::string pid_path = {};
};

struct Mount {
  std::string destination;                      // absolute, in the container
  std::string type;                             // "bind", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup"
  std::string source = {};                      // of a bind: absolute path on the host
  std::vector<MountParameter> parameters = {};  // of the file system
  std::uint64_t attributes = 0;                 // MOUNT_ATTR_* to set
  bool recursive = false;                       // of a bind: with the mounts below, and attributes on all of them
  bool id_mapped = false;                       // of a bind: owners shifted like the container's
};

// Either layers (an overlay is made of them) or a directory that is used as it stands.
struct RootFilesystem {
  std::vector<std::string> layers = {};  // absolute, lowest first
  std::string upper = {};                // overlay's writable directory and its work directory, on one file system
  std::string work = {};
  std::string directory = {};
  bool read_only = false;
};

struct ResourceLimit {
  int resource = 0;  // RLIMIT_*
  rlimit limit = {};
};

struct Process {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory = "/";
  std::string user = {};  // "", "name", "uid", "name:group", "uid:gid": looked up in the container
  std::vector<std::uint32_t> additional_groups = {};
  CapabilitySets capabilities;
  std::vector<ResourceLimit> limits = {};
  std::optional<int> oom_score_adjustment = {};
  std::optional<unsigned> file_mode_mask = {};
  bool no_new_privileges = true;
  BpfProgram seccomp = {};  // empty: no filter
};

// Limits of the cgroup. A limit whose controller is missing is an error, never ignored.
struct Resources {
  std::optional<std::uint64_t> memory_max = {};       // bytes
  std::optional<std::uint64_t> memory_swap_max = {};  // bytes of swap alone
  std::optional<std::uint64_t> memory_low = {};       // bytes
  std::optional<std::uint64_t> cpu_quota = {};        // microseconds in each period
  std::uint64_t cpu_period = 100000;                  // microseconds
  std::optional<std::uint64_t> cpu_weight = {};       // 1..10000
  std::optional<std::uint64_t> pids_max = {};
  bool any() const { return memory_max || memory_swap_max || memory_low || cpu_quota || cpu_weight || pids_max; }
};

// What the container's own network namespace gets: always "lo"; eth0 when there is an address.
struct NetworkInterface {
  std::string address = {};  // IPv4; "": none
  unsigned prefix = 0;       // length of the network's prefix
  std::string gateway = {};
};

struct ContainerSpec {
  std::string id;
  std::string host_name = {};
  Process process;
  RootFilesystem root;
  std::vector<Mount> mounts = {};  // in this order
  std::vector<std::string> masked_paths = {};
  std::vector<std::string> read_only_paths = {};
  Namespaces namespaces;
  std::vector<IdMapping> uid_map = {};
  std::vector<IdMapping> gid_map = {};
  Resources resources;
  NetworkInterface network;
  bool die_with_parent = true;  // SIGKILL for the container when its supervisor dies
};

// The host's id of the container's root; 0 without a user namespace.
std::uint32_t host_root(const std::vector<IdMapping>& map);

// --- what every container gets (docs/runtime.md), used by `container run` and `oci-runtime spec`

std::vector<Mount> default_mounts(bool own_network);
std::vector<std::string> default_masked_paths();  // reads /sys for the list of processors
std::vector<std::string> default_read_only_paths();

// A container's id or name: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 64 characters.
bool is_valid_id(std::string_view id);

}  // namespace runtime
