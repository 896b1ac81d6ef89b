#pragma once
// What is written down about containers: one directory each below the state directory (/run/clusteros/containers),
// with state.json, spec.json (run_request.h), `lock` (held by the process that looks after the container, for as long
// as it does), `log`, `attach` (attach_server.h) and `seccomp`. Formats: docs/runtime.md. Nothing else keeps state, so
// any command of any version finds all of it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "runtime/nft_rules.h"
#include "runtime/resctrl.h"
#include "runtime/spec.h"

namespace runtime {

inline constexpr std::string_view kDefaultState = "/run/clusteros/containers";

enum class Status { kCreating, kCreated, kStarting, kRunning, kRestarting, kExited };
std::string_view status_name(Status status);  // "creating", "created", …

// Who sees the container's end and takes back what it had.
enum class Keeper {
  kProcess,  // the `container` process that holds the lock, which is the application's parent
  kSystemd,  // its unit: PID 1 is the parent, and runs `container ended`
};

struct ContainerState {
  std::string id;
  std::string name;
  Status status = Status::kCreating;
  std::string image;         // reference; "" for a bundle
  std::string image_digest;  // "sha256:…"
  std::string bundle;        // oci-runtime's; "" for an image
  std::string root;          // a bundle's root filesystem
  std::vector<std::string> command;
  int pid = 0;                             // on the host
  std::uint64_t start_time = 0;            // of that process, clock ticks since boot: tells it from a later one
  std::string created, started, finished;  // RFC 3339, "" when that has not happened
  int exit_code = 0;
  bool out_of_memory = false;
  std::string error;           // why it did not start, or how its end was found
  std::string cgroup;          // absolute path, "" for none
  std::uint32_t first_id = 0;  // of the host's ids; 0 without a user namespace
  std::string pod, pod_name;   // of a pod's member (pod_store.h); its ports and its address are the pod's
  bool pod_ready = false;      // its namespaces are whole: other members may join them
  std::string network;         // "bridge", "host", "none"
  std::string address;         // on the bridge
  std::vector<PublishedPort> ports;
  std::string stop_signal;          // "SIGTERM"
  std::uint64_t stop_timeout = 10;  // seconds between the stop signal and KILL
  bool remove_at_exit = false;
  bool machine = false;     // it has an init of its own (boot.h)
  bool tty = false;         // it has a terminal
  bool open_stdin = false;  // its standard input is not empty
  Keeper keeper = Keeper::kProcess;
  std::string log_driver = "local";  // "local": the file `log`; "journald"
  std::string restart_policy = "no";
  unsigned restarts = 0;        // by the policy, since the last start by a person
  bool stop_requested = false;  // by a person: the policy does not start it again
  bool restart_wanted = false;  // it is started again at its end, whatever the policy says
  std::map<std::string, std::string> labels;
  Namespaces namespaces;  // which ones are its own
  Process process;        // what exec starts from; without its filter (file `seccomp`)
  std::vector<ResctrlGroup> resctrl;
  base::Json annotations = base::Json::object();
};

base::Json to_json(const ContainerState& state);
ContainerState state_from_json(const base::Json& json, const std::string& where);

class StateStore {
 public:
  // In a store of oci-runtime a container's name is its id, so that no other file needs to be read to see that it is
  // free.
  enum class Names { kOwn, kAreIds };
  explicit StateStore(std::string directory, Names names = Names::kOwn)
      : directory_(std::move(directory)), names_(names) {}

  const std::string& directory() const { return directory_; }
  std::string path_of(const std::string& id, std::string_view file = "") const;

  // Makes the container's directory and takes its lock. Throws when the id or the name is in use, naming its user.
  base::Fd create(const ContainerState& state);
  void save(const ContainerState& state);
  // Reads, changes and writes with nobody in between. False when the container is gone. `change` must not call the
  // store.
  bool edit(const std::string& id, const std::function<void(ContainerState& state)>& change);
  // Throws when the name is in use, naming its user.
  void rename(const std::string& id, const std::string& name);
  std::optional<ContainerState> load(const std::string& id) const;
  std::vector<ContainerState> list() const;  // oldest first
  std::vector<std::string> ids() const;
  // By name, id, or the first letters of an id that fit one only. Throws when there is none, or several.
  ContainerState find(const std::string& text) const;
  void remove(const std::string& id);

  // True while a process looks after the container.
  bool is_attended(const std::string& id) const;
  // The lock, when nobody has it.
  std::optional<base::Fd> try_lock(const std::string& id) const;

  // Removes directories without a state.json, which a crash left of create(). The caller holds lock_all().
  void remove_unfinished();

  // A lock over the whole store, for changes that touch several containers (names, addresses).
  base::Fd lock_all() const;

 private:
  void require_free(const std::string& id, const std::string& name) const;

  std::string directory_;
  Names names_;
};

// True when the process that the state names is there (and not a zombie or a later process with its number).
bool process_is_alive(const ContainerState& state);

std::string now_text();

}  // namespace runtime
