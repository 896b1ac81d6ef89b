#include "runtime/state.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/find_by_name.h"
#include "runtime/launch.h"

namespace runtime {
namespace {

constexpr const char* kStateFile = "state.json";

}  // namespace

std::string StateStore::path_of(const std::string& id, std::string_view file) const {
  if (!is_valid_id(id)) throw base::Error("container", id, "not a container's name or id");
  return directory_ + "/" + id + (file.empty() ? "" : "/" + std::string(file));
}

base::Fd StateStore::lock_all() const {
  base::make_directories(directory_, 0700);
  base::Fd file = base::open_file(directory_ + "/.lock", O_RDWR | O_CREAT, 0600);
  base::check(flock(file.get(), LOCK_EX), "lock", directory_);
  return file;
}

void StateStore::require_free(const std::string& id, const std::string& name) const {
  for (const ContainerState& other : list()) {
    if (other.name == name || other.id == name || other.name == id) {
      throw base::Error("container", name,
                        "the name is in use by " + other.id + " (" + std::string(status_name(other.status)) + ")");
    }
  }
}

void StateStore::rename(const std::string& id, const std::string& name) {
  base::Fd all = lock_all();
  require_free(id, name);
  std::optional<ContainerState> state = load(id);
  if (!state) throw base::Error("container", id, "there is none");
  state->name = name;
  save(*state);
}

base::Fd StateStore::create(const ContainerState& state) {
  base::Fd all = lock_all();
  if (load(state.id)) throw base::Error("container", state.id, "the id is in use");
  if (names_ == Names::kOwn) require_free(state.id, state.name);
  std::string path = path_of(state.id);
  // A directory without state.json is what a crash left of an earlier create().
  base::remove_tree_at(base::open_directory(directory_), state.id);
  base::make_directories(path, 0700);
  base::Fd lock = base::open_file(path + "/lock", O_RDWR | O_CREAT, 0600);
  base::check(flock(lock.get(), LOCK_EX), "lock", path);
  save(state);
  return lock;
}

void StateStore::save(const ContainerState& state) {
  base::write_file_atomic(path_of(state.id, kStateFile), base::to_text(to_json(state), 1) + "\n", 0600);
}

bool StateStore::edit(const std::string& id, const std::function<void(ContainerState& state)>& change) {
  base::Fd all = lock_all();
  std::optional<ContainerState> state = load(id);
  if (!state) return false;
  change(*state);
  save(*state);
  return true;
}

std::optional<ContainerState> StateStore::load(const std::string& id) const {
  if (!is_valid_id(id)) return std::nullopt;
  std::string path = path_of(id, kStateFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  return state_from_json(base::parse_json(*text, path), path);
}

std::vector<std::string> StateStore::ids() const {
  std::vector<std::string> result;
  if (!base::exists(directory_)) return result;
  for (const std::string& name : base::list_directory(directory_)) {
    if (is_valid_id(name)) result.push_back(name);
  }
  return result;
}

std::vector<ContainerState> StateStore::list() const {
  std::vector<ContainerState> result;
  for (const std::string& id : ids()) {
    if (std::optional<ContainerState> state = load(id)) result.push_back(std::move(*state));
  }
  std::ranges::stable_sort(result, {}, &ContainerState::created);
  return result;
}

ContainerState StateStore::find(const std::string& text) const {
  return find_by_name("container", text, list());
}

void StateStore::remove(const std::string& id) {
  if (!base::exists(path_of(id))) return;
  // First: without it the rest is what remove_unfinished() takes away, while a state without its lock would look as if
  // somebody held it for ever.
  base::remove_file(path_of(id, kStateFile));
  base::remove_tree_at(base::open_directory(directory_), id);
}

std::optional<base::Fd> StateStore::try_lock(const std::string& id) const {
  std::string path = path_of(id, "lock");
  if (!base::exists(path)) return std::nullopt;
  base::Fd file = base::open_file(path, O_RDWR);
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) base::throw_errno("lock", path);
  return std::nullopt;
}

void StateStore::remove_unfinished() {
  for (const std::string& id : ids()) {
    if (!base::exists(path_of(id, kStateFile)) && !is_attended(id)) remove(id);
  }
}

bool StateStore::is_attended(const std::string& id) const {
  return base::exists(path_of(id, "lock")) && !try_lock(id).has_value();
}

bool process_is_alive(const ContainerState& state) {
  if (state.pid <= 0) return false;
  std::optional<ProcessStat> stat = process_stat(state.pid);
  return stat && stat->start_time == state.start_time && stat->state != 'Z' && stat->state != 'X';
}

std::string now_text() {
  return base::format_rfc3339(std::chrono::system_clock::now());
}

}  // namespace runtime
