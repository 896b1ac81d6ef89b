#include "runtime/pod_store.h"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/find_by_name.h"
#include "runtime/ports_json.h"

namespace runtime {
namespace {

constexpr const char* kPodFile = "pod.json";
constexpr const char* kLockFile = "lock";

}  // namespace

base::Json to_json(const Pod& pod) {
  return {{"id", pod.id},
          {"name", pod.name},
          {"created", pod.created},
          {"hostname", pod.host_name},
          {"network", pod.network},
          {"share", {{"net", pod.share_network}, {"ipc", pod.share_ipc}, {"uts", pod.share_uts}}},
          {"ports", to_json(pod.ports)},
          {"sysctls", base::Json(pod.sysctls)},
          {"labels", base::Json(pod.labels)},
          {"shmSize", pod.shm_size ? base::Json(*pod.shm_size) : base::Json()},
          {"address", pod.address},
          {"published", pod.published},
          {"removing", pod.removing}};
}

Pod pod_from_json(const base::Json& json, const std::string& where) {
  try {
    Pod pod;
    pod.id = base::json_string(json, "id");
    pod.name = base::json_string(json, "name");
    pod.created = base::json_string(json, "created");
    pod.host_name = base::json_string(json, "hostname");
    pod.network = base::json_string(json, "network", "bridge");
    const base::Json& share = json.at("share");
    pod.share_network = base::json_bool(share, "net");
    pod.share_ipc = base::json_bool(share, "ipc");
    pod.share_uts = base::json_bool(share, "uts");
    pod.ports = ports_from_json(json.value("ports", base::Json::array()));
    pod.sysctls = json.value("sysctls", std::map<std::string, std::string>());
    pod.labels = json.value("labels", std::map<std::string, std::string>());
    if (auto size = json.find("shmSize"); size != json.end() && !size->is_null()) {
      pod.shm_size = size->get<std::uint64_t>();
    }
    pod.address = base::json_string(json, "address");
    pod.published = base::json_bool(json, "published");
    pod.removing = base::json_bool(json, "removing");
    return pod;
  } catch (const base::Json::exception& error) {
    throw base::Error("read", where, error.what());
  }
}

void PodLock::give_up() {
  if (file_) flock(file_.get(), LOCK_UN);
  file_.reset();
}

std::string PodStore::path_of(const std::string& id, std::string_view file) const {
  if (!is_valid_id(id)) throw base::Error("pod", id, "not a pod's name or id");
  return directory() + "/" + id + (file.empty() ? "" : "/" + std::string(file));
}

// The pod's file is written last: what is there without it under the store's lock is what a crash has left.
void PodStore::create(const Pod& pod) {
  base::Fd all = containers_.lock_all();
  if (base::exists(containers_.path_of(pod.id)) || base::exists(path_of(pod.id))) {
    throw base::Error("pod", pod.id, "the id is in use");
  }
  for (const Pod& other : list()) {
    if (other.name != pod.name && other.id != pod.name && other.name != pod.id) continue;
    throw base::Error("pod", pod.name, "the name is in use by " + other.id);
  }
  base::make_directories(path_of(pod.id), 0700);
  base::open_file(path_of(pod.id, kLockFile), O_RDWR | O_CREAT, 0600);
  save(pod);
}

void PodStore::save(const Pod& pod) {
  base::write_file_atomic(path_of(pod.id, kPodFile), base::to_text(to_json(pod), 1) + "\n", 0600);
}

std::vector<std::string> PodStore::ids() const {
  std::vector<std::string> result;
  try {
    result = base::list_directory(directory());
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;  // the last pod has gone with it
  }
  std::erase_if(result, [](const std::string& name) { return !is_valid_id(name); });
  return result;
}

std::optional<Pod> PodStore::load(const std::string& id) const {
  if (!is_valid_id(id)) return std::nullopt;
  std::string path = path_of(id, kPodFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  return pod_from_json(base::parse_json(*text, path), path);
}

std::vector<Pod> PodStore::list() const {
  std::vector<Pod> result;
  for (const std::string& id : ids()) {
    if (std::optional<Pod> pod = load(id)) result.push_back(std::move(*pod));
  }
  std::ranges::stable_sort(result, {}, &Pod::created);
  return result;
}

Pod PodStore::find(const std::string& text) const {
  return find_by_name("pod", text, list());
}

// Never made here: one who comes after the pod's removal must not leave the file of a lock.
std::optional<PodLock> PodStore::lock_with(const std::string& id, int how) const {
  int file = open(path_of(id, kLockFile).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::nullopt;
  PodLock lock{base::Fd(base::check(file, "open", path_of(id, kLockFile)))};
  int result = 0;
  do {
    result = flock(file, how);
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno == EWOULDBLOCK) return std::nullopt;
  base::check(result, "lock", path_of(id));
  if (!load(id)) return std::nullopt;
  return lock;
}

std::optional<PodLock> PodStore::lock(const std::string& id) const {
  return lock_with(id, LOCK_EX);
}

std::optional<PodLock> PodStore::try_lock(const std::string& id) const {
  return lock_with(id, LOCK_EX | LOCK_NB);
}

void PodStore::remove_files(const std::string& id) {
  base::remove_file(path_of(id, kPodFile));
  base::remove_tree_at(base::open_directory(directory()), id);
  if (rmdir(directory().c_str()) < 0 && errno != ENOTEMPTY) base::throw_errno("remove", directory());
}

void PodStore::remove(const std::string& id) {
  base::Fd all = containers_.lock_all();
  remove_files(id);
}

void PodStore::remove_unfinished() {
  if (!base::exists(directory())) return;
  base::Fd all = containers_.lock_all();
  for (const std::string& id : ids()) {
    if (!base::exists(path_of(id, kPodFile))) remove_files(id);
  }
  if (rmdir(directory().c_str()) < 0 && errno != ENOTEMPTY && errno != ENOENT) {
    base::throw_errno("remove", directory());
  }
}

}  // namespace runtime
