#pragma once
// Pods: containers that share namespaces, an address and published ports. A pod is what is written down about it,
// <state>/.pods/<id>/ with pod.json and `lock`: no process and no mount. docs/decisions/0017-pods.md says why.
//
// The lock is held by who changes the pod, begins to make a member, or starts one until others can join it. It is
// taken before the store's own (StateStore::lock_all()), never after.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "runtime/nft_rules.h"
#include "runtime/state.h"

namespace runtime {

struct Pod {
  std::string id;
  std::string name;
  std::string created;             // RFC 3339
  std::string host_name;           // of those that share uts
  std::string network = "bridge";  // or "none", "host"; of those that share net
  bool share_network = true, share_ipc = true, share_uts = true;
  std::vector<PublishedPort> ports;
  std::map<std::string, std::string> sysctls;
  std::map<std::string, std::string> labels;
  std::optional<std::uint64_t> shm_size;  // bytes of the /dev/shm that members share
  std::string address;                    // since the first start; it stays the pod's
  bool published = false;                 // the ports are in the packet filter, or about to be
  bool removing = false;                  // nothing begins in it any more

  bool shares_bridge() const { return share_network && network == "bridge"; }
};

base::Json to_json(const Pod& pod);
// Throws base::Error("read", where, …).
Pod pod_from_json(const base::Json& json, const std::string& where);

// The lock, until it is given up or destroyed: also where a process that was cloned meanwhile has its descriptor still.
class PodLock {
 public:
  explicit PodLock(base::Fd file) : file_(std::move(file)) {}
  PodLock(PodLock&&) = default;
  PodLock& operator=(PodLock&&) = delete;
  ~PodLock() { give_up(); }
  void give_up();

 private:
  base::Fd file_;
};

class PodStore {
 public:
  explicit PodStore(const StateStore& containers) : containers_(containers) {}

  // Throws when the name or the id is in use.
  void create(const Pod& pod);
  void save(const Pod& pod);  // the caller holds its lock
  // Those of all pods and what a crash left of one.
  std::vector<std::string> ids() const;
  std::optional<Pod> load(const std::string& id) const;
  std::vector<Pod> list() const;  // oldest first
  // By name, id, or the first letters of an id that fit one only. Throws when there is none, or several.
  Pod find(const std::string& text) const;

  // Waits. Nothing when there is no such pod.
  std::optional<PodLock> lock(const std::string& id) const;
  std::optional<PodLock> try_lock(const std::string& id) const;

  void remove(const std::string& id);  // the caller holds its lock
  void remove_unfinished();            // what a crash left of create() and remove()

 private:
  std::string directory() const { return containers_.directory() + "/.pods"; }
  std::string path_of(const std::string& id, std::string_view file = "") const;
  std::optional<PodLock> lock_with(const std::string& id, int how) const;
  void remove_files(const std::string& id);

  const StateStore& containers_;
};

}  // namespace runtime
