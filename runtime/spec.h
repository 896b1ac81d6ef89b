#pragma once
// What a container is to be, whoever asks: `container run` fills it from options and an image, `oci-runtime` from a
// bundle's config.json. Everything below this header works on it alone.

#include <sys/resource.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/capabilities.h"
#include "runtime/hooks.h"
#include "runtime/mount_api.h"
#include "runtime/resources.h"
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
  bool time = false;
  // Existing ones to join instead (paths on the host).
  std::string network_path = {};
  std::string ipc_path = {};
  std::string uts_path = {};
  std::string pid_path = {};
  std::string user_path = {};
  std::string mount_path = {};
  std::string cgroup_path = {};
  std::string time_path = {};
};

// An id-mapped mount of its own mapping (mount_setattr(2)).
struct MountIdMap {
  bool recursive = false;
  std::vector<IdMapping> uids = {};  // empty, both: the container's user namespace
  std::vector<IdMapping> gids = {};
};

struct Mount {
  std::string destination;  // absolute, in the container
  std::string type;         // "bind", or a file system's: "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", …
  std::string source = {};  // of a bind: absolute path on the host
  std::vector<MountParameter> parameters = {};  // of the file system
  std::uint64_t attributes = 0;                 // MOUNT_ATTR_* to set
  std::uint64_t cleared = 0;                    // MOUNT_ATTR_* to clear (a bind keeps its source's others)
  std::uint64_t recursive_attributes = 0;       // the same, then, also on the mounts below ("rro", "rnoexec", …)
  std::uint64_t recursive_cleared = 0;
  std::uint64_t propagation = 0;  // MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, perhaps MS_REC; 0: private
  bool recursive = false;         // of a bind: with the mounts below
  bool id_mapped = false;         // of a bind: owners shifted like the container's
  std::optional<MountIdMap> id_map = {};
  bool copy_up = false;            // filled with what is at the destination ("tmpcopyup" of a tmpfs; a new volume)
  bool copy_link = false;          // of a bind: a link as the source is made again at the destination ("copy-symlink")
  bool follow_destination = true;  // false: a link at the destination is mounted over itself ("dest-nofollow")
  bool follow_source = true;       // false: a link as the source is bound itself ("src-nofollow")
  bool secrets = false;            // of a bind: the source are ContainerSpec::secrets
  int of_process = 0;              // of a bind: the source is as this process sees it; 0: as we do
  bool remount = false;            // nothing new: the attributes of what is mounted there change
};

// A file below /run/secrets (secret_files.h).
struct SecretFile {
  std::string source;  // absolute, on the host
  std::string target;  // its name
  std::uint32_t mode = 0444;
  std::uint32_t uid = 0, gid = 0;  // in the container
};

// A device node in /dev (linux.devices).
struct DeviceNode {
  std::string path;  // absolute, in the container
  char type = 'c';   // 'c', 'b', 'p'
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t mode = 0666;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// sched_setattr(2).
struct Scheduler {
  int policy = 0;  // SCHED_*
  int nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t flags = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;  // nanoseconds
};

// Either layers (an overlay is made of them) or a directory that is used as it stands.
struct RootFilesystem {
  std::vector<std::string> layers = {};  // absolute, lowest first
  std::string upper = {};                // overlay's writable directory and its work directory, on one file system
  std::string work = {};
  std::string directory = {};
  bool read_only = false;
};

// set_mempolicy(2).
struct MemoryPolicy {
  int mode = 0;            // MPOL_* with MPOL_F_*
  std::string nodes = {};  // a list as "0-3,7"
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
  SeccompFilter seccomp;

  bool terminal = false;                                  // a pty in the container, its other end sent away
  std::uint16_t terminal_rows = 0, terminal_columns = 0;  // 0: as they are
  unsigned preserved_files = 0;                           // descriptors from 3 on that the application gets
  std::optional<Scheduler> scheduler = {};
  std::optional<int> io_priority = {};            // ioprio_set(2)'s value: class << 13 | data
  std::string cpus_before = {}, cpus_after = {};  // of execCPUAffinity: until and from the execve on; lists as "0-3"
  bool init = false;                              // below a process of ours that reaps (init_process.h)
  bool new_keyring = true;                        // a session keyring of its own; false: its caller's
  std::optional<std::uint64_t> personality = {};  // PER_*
  std::optional<MemoryPolicy> memory_policy = {};
  std::string apparmor_profile = {};
  std::string selinux_label = {};
};

// What the container's own network namespace gets: always "lo"; eth0 when there is an address.
struct NetworkInterface {
  std::string address = {};  // IPv4; "": none
  unsigned prefix = 0;       // length of the network's prefix
  std::string gateway = {};
};

// An interface of the machine that the container gets (net_devices.h).
struct NetDevice {
  std::string host_name;
  std::string name;  // in the container
};

// What the container may have of caches and memory bandwidth (resctrl.h).
struct IntelRdt {
  std::string class_id = {};               // a directory of resctrl, "/" its root; "": one with the container's id
  std::vector<std::string> schemata = {};  // lines, in the order of writing
  bool monitoring = false;
};

struct ContainerSpec {
  std::string id;
  std::string host_name = {};
  Process process;
  RootFilesystem root;
  std::vector<Mount> mounts = {};  // in this order
  std::vector<SecretFile> secrets = {};
  std::vector<std::string> masked_paths = {};
  std::vector<std::string> read_only_paths = {};
  Namespaces namespaces;
  std::vector<IdMapping> uid_map = {};
  std::vector<IdMapping> gid_map = {};
  Resources resources;
  NetworkInterface network;
  std::vector<NetDevice> net_devices = {};
  std::optional<IntelRdt> intel_rdt = {};
  Hooks hooks;
  std::string domain_name = {};
  std::map<std::string, std::string> sysctls = {};       // "net.ipv4.ip_forward": "1"
  std::vector<DeviceNode> devices = {};                  // beside the standard ones
  std::uint64_t root_propagation = 0;                    // MS_* with MS_REC; 0: private
  std::map<std::string, std::string> time_offsets = {};  // "monotonic": "<seconds> <nanoseconds>" (time_namespaces(7))
  std::string mount_label = {};                          // SELinux
  base::Json annotations = base::Json::object();
  bool die_with_parent = true;  // SIGKILL for the container when its supervisor dies
};

// Makes the mount "nodev": for containers without a device filter (device_filter.h). Pseudo-terminals stay, and so does
// a device file that is bound itself, since the caller has named it.
void forbid_devices(Mount& mount);

// Its user namespace is not this machine's, be it new or joined.
bool in_user_namespace(const ContainerSpec& spec);

// The host's id of one of the container's; that of its root when it is not mapped.
std::uint32_t host_id(const std::vector<IdMapping>& map, std::uint64_t inside);

// The host's id of the container's root; 0 without a user namespace.
std::uint32_t host_root(const std::vector<IdMapping>& map);

// --- what every container gets (docs/runtime.md), used by `container run` and `oci-runtime spec`

std::vector<Mount> default_mounts(bool own_network);
std::vector<std::string> default_masked_paths();  // reads /sys for the list of processors
std::vector<std::string> default_read_only_paths();

// A container's id or name: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 64 characters.
bool is_valid_id(std::string_view id);

}  // namespace runtime
