// What decides is the pod's lock. A start holds it from its look at who runs until its own namespaces are whole and
// written down (podReady), so that of many that start at once one makes them and the others find it. An end takes it to
// see whether somebody runs still. A start that was killed half-way is never joined: it is not ready, and its process
// goes with its keeper.
//
// The ports' sockets are held by each member's keeper, since any of them may be the last: SO_REUSEPORT lets the
// sockets of the pods share a port, so whose it is says the pods' files, under the store's lock.

#include "runtime/pod_member.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/id_range.h"
#include "runtime/stop.h"
#include "runtime/sysctl.h"

namespace runtime {
namespace {

// Somebody's start may hold a pod's lock for as long as it fills volumes. Who ends, and any command that settles an
// end, leaves the ports to settle_pods() then.
constexpr std::chrono::seconds kReleaseWait{2};

bool is_same(const PublishedPort& one, const PublishedPort& other) {
  return one.protocol == other.protocol && one.host_port == other.host_port;
}

bool may_be_joined(const ContainerState& state) {
  return state.pod_ready && process_is_alive(state);
}

std::string create_from_request(const StateStore& store, RunRequest& request) {
  Pod pod;
  pod.name = request.pod.substr(kNewPod.size());
  pod.host_name = request.host_name;
  pod.network = request.network;
  pod.ports = std::move(request.ports);
  pod.shm_size = request.shm_size;
  request.network = "bridge";
  request.ports.clear();
  request.host_name.clear();
  request.shm_size.reset();
  return create_pod(store, std::move(pod));
}

void refuse(const Pod& pod, bool wrong, const char* what) {
  if (wrong) throw base::Error("join pod", pod.name, std::string(what) + " is the pod's, which its containers share");
}

// What is shared is said when the pod is made.
void adopt(const Pod& pod, RunRequest& request) {
  request.pod = pod.id;
  if (pod.share_network) {
    refuse(pod, request.network != "bridge", "--network");
    refuse(pod, !request.ports.empty(), "--publish");
    request.network = pod.network;
  }
  if (pod.share_ipc) {
    refuse(pod, !request.ipc_mode.empty(), "--ipc");
    refuse(pod, request.shm_size.has_value(), "--shm-size");
    request.shm_size = pod.shm_size;
  }
  if (!pod.share_uts) return;
  refuse(pod, !request.uts_mode.empty(), "--uts");
  refuse(pod, !request.host_name.empty(), "--hostname");
  request.host_name = pod.host_name;
}

Pod require_pod(const PodStore& pods, const std::string& id, const std::optional<PodLock>& lock) {
  std::optional<Pod> pod = lock ? pods.load(id) : std::nullopt;
  if (!pod) throw base::Error("pod", id, "there is none");
  if (pod->removing) throw base::Error("pod", pod->name, "it is being removed");
  return std::move(*pod);
}

// Both with the pod's lock held.
void release_locked(StateStore& store, const std::string& id, const std::string& ended) {
  PodStore pods(store);
  std::optional<Pod> pod = pods.load(id);
  if (!pod || !pod->published) return;
  bool lives = std::ranges::any_of(
      pod_members(store, id), [&](const ContainerState& state) { return state.id != ended && may_be_joined(state); });
  if (lives) return;
  withdraw(pod->ports);
  pod->published = false;
  pods.save(*pod);
}

void finish_removal(const Machine& machine, StateStore& store, const Pod& pod) {
  release_ids(machine.root, pod.id);
  Network(store, machine.subnet).release_address(pod.id);
  PodStore(store).remove(pod.id);
}

}  // namespace

std::vector<ContainerState> pod_members(const StateStore& store, const std::string& pod) {
  std::vector<ContainerState> members = store.list();
  std::erase_if(members, [&](const ContainerState& state) { return state.pod != pod; });
  return members;
}

std::string create_pod(const StateStore& store, Pod pod) {
  pod.id = base::system_random().hex_string(6);
  if (pod.name.empty()) pod.name = pod.id;
  if (pod.host_name.empty()) pod.host_name = pod.name;
  pod.created = now_text();
  PodStore(store).create(pod);
  return pod.id;
}

std::optional<NewMember> NewMember::begin(const Machine& machine, RunRequest& request) {
  if (request.pod.empty()) return std::nullopt;
  StateStore store(machine.state);
  PodStore pods(store);
  bool made = request.pod.starts_with(kNewPod);
  std::string id = made ? create_from_request(store, request) : pods.find(request.pod).id;
  std::optional<PodLock> lock = pods.lock(id);
  Pod pod = require_pod(pods, id, lock);
  NewMember member(std::move(*lock));
  member.pod_ = std::move(pod);
  if (made) member.undo_ = &machine;
  member.others_ = pod_members(store, id);
  adopt(member.pod_, request);
  return member;
}

NewMember::NewMember(NewMember&& other) noexcept
    : lock_(std::move(other.lock_)),
      pod_(std::move(other.pod_)),
      others_(std::move(other.others_)),
      undo_(std::exchange(other.undo_, nullptr)) {}

NewMember::~NewMember() {
  if (undo_ == nullptr) return;
  lock_.give_up();
  try {
    remove_empty_pod(*undo_, pod_.id);
  } catch (const std::exception& error) {
    base::log_warning("remove pod {}: {}", pod_.name, error.what());
  }
}

void NewMember::check(const ContainerSpec& spec) const {
  ContainerSpec own;
  own.namespaces = spec.namespaces;
  own.sysctls = spec.sysctls;
  if (pod_.share_network) own.namespaces.network = false;
  if (pod_.share_ipc) own.namespaces.ipc = false;
  if (pod_.share_uts) own.namespaces.uts = false;
  check_sysctls(own);
}

// The members keep the range where the pod's own entry was lost: to a command with another state directory, which does
// not know this pod.
std::uint32_t NewMember::take_ids(const Machine& machine, const std::string& id,
                                  const std::vector<std::string>& existing) const {
  if (!others_.empty()) return share_ids(machine.root, id, others_.front().id);
  allocate_ids(machine.root, pod_.id, existing);
  return share_ids(machine.root, id, pod_.id);
}

std::optional<StartingMember> StartingMember::begin(const Machine& machine, StateStore& store,
                                                    const ContainerState& state) {
  if (state.pod.empty()) return std::nullopt;
  PodStore pods(store);
  std::optional<PodLock> lock = pods.lock(state.pod);
  Pod pod = require_pod(pods, state.pod, lock);
  StartingMember member(machine, store, std::move(*lock), std::move(pod));
  for (const ContainerState& other : pod_members(store, state.pod)) {
    if (other.id == state.id || !may_be_joined(other)) continue;
    try {
      member.shared_ = SharedNamespaces::open(other);
      break;
    } catch (const base::Error&) {
      if (process_is_alive(other)) throw;  // else it has ended just now: another one may be there
    }
  }
  return member;
}

std::vector<base::Fd> StartingMember::claim_ports() {
  std::vector<base::Fd> claims;
  if (!pod_.shares_bridge() || pod_.ports.empty()) return claims;
  base::Fd all = store_.lock_all();
  PodStore pods(store_);
  for (const Pod& other : pods.list()) {
    if (other.id == pod_.id || !other.published) continue;
    for (const PublishedPort& port : pod_.ports) {
      bool taken = std::ranges::any_of(other.ports, [&](const PublishedPort& used) { return is_same(port, used); });
      if (taken) throw base::Error("publish port", host_port_text(port), EADDRINUSE);
    }
  }
  for (const PublishedPort& port : pod_.ports) claims.push_back(claim_port(port, PortClaim::kWithPod));
  if (pod_.published) return claims;
  pod_.published = true;
  pods.save(pod_);
  return claims;
}

NetworkInterface StartingMember::reserve_address() {
  NetworkInterface interface = network_.reserve(pod_.id);
  if (interface.address != pod_.address) {
    pod_.address = interface.address;
    PodStore(store_).save(pod_);
  }
  return interface;
}

void StartingMember::place(ContainerSpec& spec) const {
  if (!shared_) {
    spec.sysctls.insert(pod_.sysctls.begin(), pod_.sysctls.end());
    return;
  }
  shared_->share({.network = pod_.share_network && pod_.network != "host",
                  .pid = false,
                  .ipc = pod_.share_ipc,
                  .uts = pod_.share_uts},
                 spec);
}

void StartingMember::connect(const NetworkInterface& interface, int pid) {
  network_.connect(pod_.id, interface, pid);
  network_.publish_all(pod_.ports, interface.address);
}

void release_pod(StateStore& store, const std::string& id, const std::string& ended) {
  if (id.empty()) return;
  PodStore pods(store);
  auto deadline = std::chrono::steady_clock::now() + kReleaseWait;
  while (pods.load(id)) {
    if (std::optional<PodLock> lock = pods.try_lock(id)) return release_locked(store, id, ended);
    if (std::chrono::steady_clock::now() > deadline) return;
    poll(nullptr, 0, 5);
  }
}

std::size_t pod_claims(const StateStore& store, const std::string& id) {
  std::optional<Pod> pod = PodStore(store).load(id);
  return pod && pod->shares_bridge() ? pod->ports.size() : 0;
}

// Its containers are removed without the lock, which each of them takes when it ends; nothing new begins meanwhile.
void remove_pod(const Machine& machine, const Pod& pod, bool kill_running) {
  StateStore store(machine.state);
  PodStore pods(store);
  {
    std::optional<PodLock> lock = pods.lock(pod.id);
    std::optional<Pod> now = lock ? pods.load(pod.id) : std::nullopt;
    if (!now) return;
    for (const ContainerState& state : pod_members(store, pod.id)) {
      if (kill_running || !is_active(state)) continue;
      throw base::Error("remove pod", pod.name,
                        state.name + " is " + std::string(status_name(state.status)) + " (stop it, or --force)");
    }
    now->removing = true;
    pods.save(*now);
  }
  for (const ContainerState& state : pod_members(store, pod.id)) {
    stop_container(machine, state, 0);
    remove_container(machine, state.id);
  }
  std::optional<PodLock> lock = pods.lock(pod.id);
  if (!lock) return;
  if (!pod_members(store, pod.id).empty()) throw base::Error("remove pod", pod.name, "it has containers still");
  finish_removal(machine, store, pod);
}

void remove_empty_pod(const Machine& machine, const std::string& id) {
  StateStore store(machine.state);
  std::optional<PodLock> lock = PodStore(store).lock(id);
  std::optional<Pod> pod = lock ? PodStore(store).load(id) : std::nullopt;
  if (pod && pod_members(store, id).empty()) finish_removal(machine, store, *pod);
}

void settle_pods(const Machine& machine) {
  StateStore store(machine.state);
  PodStore pods(store);
  pods.remove_unfinished();
  for (const std::string& id : pods.ids()) {
    std::optional<PodLock> lock = pods.try_lock(id);
    std::optional<Pod> pod = lock ? pods.load(id) : std::nullopt;
    if (!pod) continue;
    release_locked(store, id, "");
    if (pod->removing && pod_members(store, id).empty()) finish_removal(machine, store, *pod);
  }
}

}  // namespace runtime
