#include "runtime/cgroup.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/systemd.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr const char* kSlice = "machine.slice";
constexpr std::uint64_t kCpuPeriod = 100000;  // microseconds; the kernel's default

void write_knob(const std::string& directory, const std::string& knob, const std::string& value) {
  base::write_knob_at(base::open_directory(directory), knob, value);
}

// Lets the children of `directory` use the controllers that it has itself. Which ones are missing is found out when a
// limit is set, so that a machine without some (cgroup v1 holds them) still runs containers without limits.
void enable_controllers(const std::string& directory) {
  std::string available = base::read_file_if_exists(directory + "/cgroup.controllers").value_or("");
  for (const std::string& name : base::split_words(available)) {
    if (name != "cpu" && name != "memory" && name != "pids" && name != "io" && name != "cpuset") continue;
    try {
      write_knob(directory, "cgroup.subtree_control", "+" + name);
    } catch (const base::Error&) {
      // EBUSY: processes live in the directory itself. The limits' error names the controller.
    }
  }
}

}  // namespace

std::string cgroup_mount_in(std::string_view mountinfo) {
  std::string found;
  for (const std::string& line : base::split(mountinfo, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    auto separator = std::ranges::find(words, "-");
    if (words.size() < 7 || separator == words.end() || separator + 1 == words.end()) continue;
    if (*(separator + 1) == "cgroup2") found = words[4];  // the last one is on top
  }
  return found;
}

std::string cgroup_mount() {
  return cgroup_mount_in(base::read_file("/proc/self/mountinfo"));
}

Cgroup Cgroup::create(const std::string& mount, const std::string& path) {
  if (path != mount && !path.starts_with(mount + "/")) {
    throw base::Error("make cgroup", path, "not below " + mount);
  }
  enable_controllers(mount);
  std::string directory = mount;
  std::vector<std::string> parts = base::split(path.substr(mount.size()), '/');
  std::erase(parts, "");
  for (std::size_t i = 0; i < parts.size(); i++) {
    directory += "/" + parts[i];
    base::make_directories(directory);
    if (i + 1 < parts.size()) enable_controllers(directory);
  }
  return Cgroup(directory);
}

bool Cgroup::exists() const {
  return !path_.empty() && base::exists(path_);
}

void Cgroup::set_limits(const Resources& resources) const {
  std::vector<std::string> controllers =
      base::split_words(base::read_file_if_exists(path_ + "/cgroup.controllers").value_or(""));
  auto set = [&](const char* controller, const char* knob, const std::string& value) {
    if (std::ranges::find(controllers, controller) == controllers.end()) {
      throw base::Error("limit", knob,
                        std::string("the cgroup v2 controller '") + controller + "' is not available in " + path_ +
                            " (there are: " + (controllers.empty() ? "none" : base::join(controllers, " ")) + ")");
    }
    write_knob(path_, knob, value);
  };
  if (resources.memory_low) set("memory", "memory.low", std::to_string(*resources.memory_low));
  if (resources.memory_max) {
    set("memory", "memory.max", std::to_string(*resources.memory_max));
    set("memory", "memory.oom.group", "1");
  }
  if (resources.memory_swap_max && base::exists(path_ + "/memory.swap.max")) {
    set("memory", "memory.swap.max", std::to_string(*resources.memory_swap_max));
  }
  if (resources.cpu_quota) {
    set("cpu", "cpu.max",
        std::to_string(*resources.cpu_quota) + " " + std::to_string(resources.cpu_period.value_or(kCpuPeriod)));
  }
  if (resources.cpu_weight) set("cpu", "cpu.weight", std::to_string(*resources.cpu_weight));
  if (resources.pids_max) set("pids", "pids.max", std::to_string(*resources.pids_max));
}

void Cgroup::add_process(int pid) const {
  write_knob(path_, "cgroup.procs", std::to_string(pid));
}

base::Fd Cgroup::open() const {
  return base::open_directory(path_);
}

std::vector<int> Cgroup::processes() const {
  std::vector<int> result;
  std::error_code ignored;
  std::vector<std::string> directories = {path_};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_, ignored)) {
    if (entry.is_directory(ignored)) directories.push_back(entry.path());
  }
  for (const std::string& directory : directories) {
    std::optional<std::string> text = base::read_file_if_exists(directory + "/cgroup.procs");
    for (const std::string& word : base::split_words(text.value_or(""))) {
      if (auto pid = base::parse_unsigned(word)) result.push_back(static_cast<int>(*pid));
    }
  }
  return result;
}

std::optional<std::string> Cgroup::read(const std::string& knob) const {
  try {
    return base::read_file_if_exists(path_ + "/" + knob);
  } catch (const base::Error& error) {
    if (error.error_number() == ENODEV) return std::nullopt;  // the group went between open and read
    throw;
  }
}

bool Cgroup::out_of_memory_killed() const {
  for (const std::string& line : base::split(read("memory.events").value_or(""), '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() == 2 && words[0] == "oom_kill") return words[1] != "0";
  }
  return false;
}

void Cgroup::kill_all() const {
  if (!exists()) return;
  try {
    write_knob(path_, "cgroup.kill", "1");
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT && error.error_number() != ENODEV) throw;
  }
}

bool Cgroup::remove(int milliseconds) const {
  if (!exists()) return true;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    // Deepest first.
    std::vector<std::string> directories;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_, ignored)) {
      if (entry.is_directory(ignored)) directories.push_back(entry.path());
    }
    std::ranges::sort(directories, std::greater<>());
    directories.push_back(path_);
    bool busy = false;
    for (const std::string& directory : directories) {
      if (rmdir(directory.c_str()) == 0 || errno == ENOENT) continue;
      if (errno != EBUSY && errno != ENOTEMPTY) base::throw_errno("remove cgroup", directory);
      busy = true;
    }
    if (!busy) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 2);  // a dying process leaves its cgroup a moment after it was reaped
  }
}

bool systemd_is_running() {
  struct stat status = {};
  return lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

Cgroup create_in_scope(const std::string& id, const std::string& description, int pid) {
  std::string mount = cgroup_mount();
  if (mount.empty()) throw base::Error("make a scope", id, "cgroup v2 is not mounted");
  std::string scope = base::connect_systemd()->start_scope("container-" + id + ".scope", kSlice, description, {pid});
  // A leaf of our own: systemd keeps the scope's own knobs, and a cgroup with processes cannot have controllers below.
  std::string directory = mount + "/" + std::string(base::trim(scope)).substr(scope.starts_with('/') ? 1 : 0);
  std::string leaf = directory + "/container";
  base::make_directories(leaf);
  write_knob(leaf, "cgroup.procs", std::to_string(pid));
  enable_controllers(directory);
  return Cgroup(leaf);
}

}  // namespace runtime
