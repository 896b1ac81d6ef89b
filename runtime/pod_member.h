#pragma once
// A container's life in a pod: made in it, started in it, and what goes when the last one has ended. Nobody is the
// pod's first container: who starts while none runs makes the namespaces, who comes later joins those of any that runs.

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/joined_container.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"
#include "runtime/pod_store.h"

namespace runtime {

inline constexpr std::string_view kNewPod = "new:";  // of `run --pod`

// The pod's containers, oldest first.
std::vector<ContainerState> pod_members(const StateStore& store, const std::string& pod);

// Makes a pod with this id and time of its own, and returns its id. Throws base::Error when the name is in use.
std::string create_pod(const StateStore& store, Pod pod);

// A container that is about to be made in a pod, which nobody changes meanwhile.
class NewMember {
 public:
  // Finds the pod that the request names, makes that of "new:NAME", and gives the request what is the pod's. Nothing
  // for a request without one. Throws base::Error when there is none, or when the request wants for itself what is
  // shared. A pod that was made for it goes again with it until made() is called.
  static std::optional<NewMember> begin(const Machine& machine, RunRequest& request);
  NewMember(NewMember&& other) noexcept;
  NewMember& operator=(NewMember&&) = delete;
  ~NewMember();
  void made() { undo_ = nullptr; }
  // The pod's lock, which whoever removes the container takes.
  void release() { lock_.give_up(); }

  const Pod& pod() const { return pod_; }
  // Its parameters of the kernel must be of namespaces that are its own.
  void check(const ContainerSpec& spec) const;
  // The pod's range of ids, for this container, too.
  std::uint32_t take_ids(const Machine& machine, const std::string& id, const std::vector<std::string>& existing) const;

 private:
  explicit NewMember(PodLock lock) : lock_(std::move(lock)) {}

  PodLock lock_;
  Pod pod_;
  std::vector<ContainerState> others_;
  const Machine* undo_ = nullptr;  // where the pod was made for this container
};

// A member's start. It holds the pod's lock until release().
class StartingMember {
 public:
  // Nothing for a container that is in no pod. Throws base::Error when its pod is gone.
  static std::optional<StartingMember> begin(const Machine& machine, StateStore& store, const ContainerState& state);

  bool has_bridge() const { return pod_.shares_bridge(); }
  bool makes_namespaces() const { return !shared_; }
  // Holds the pod's ports on the host; throws base::Error when they are another's.
  std::vector<base::Fd> claim_ports();
  // The pod's address, which it keeps, as one who makes the network needs it.
  NetworkInterface reserve_address();
  // Lets it join, or gives it what the pod says.
  void place(ContainerSpec& spec) const;
  // For the network namespace that was made: the link and the ports.
  void connect(const NetworkInterface& interface, int pid);
  // From here on others may start, and join this one.
  void release() { lock_.give_up(); }

 private:
  StartingMember(const Machine& machine, StateStore& store, PodLock lock, Pod pod)
      : store_(store), network_(store, machine.subnet), lock_(std::move(lock)), pod_(std::move(pod)) {}

  StateStore& store_;
  Network network_;
  PodLock lock_;
  Pod pod_;
  std::optional<SharedNamespaces> shared_;
};

// Takes the ports back when no other member of the pod runs. Safe to repeat. `ended`: a container of the pod that does
// not run any more; "" for none.
void release_pod(StateStore& store, const std::string& pod, const std::string& ended);

// Removes the pod with all its containers; those that run are killed first, or are an error.
void remove_pod(const Machine& machine, const Pod& pod, bool kill_running);

// The same, when it has none.
void remove_empty_pod(const Machine& machine, const std::string& pod);

// Ports of the pod for which each member's keeper holds sockets.
std::size_t pod_claims(const StateStore& store, const std::string& pod);

// Looks after pods that a crash has left: settle() of lifecycle.h calls it after it has looked at the containers.
void settle_pods(const Machine& machine);

}  // namespace runtime
