#include "runtime/cgroup.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

void write_knob(const std::string& directory, const std::string& knob, const std::string& value) {
  base::write_knob_at(base::open_directory(directory), knob, value);
}

// What is counted for every container. The others (cpuset, hugetlb, …) cost time at each start and are enabled by the
// first limit that needs them.
const std::vector<std::string> kCounting = {"cpu", "memory", "pids", "io"};

// On directories that we made above a container's own. (trusted.*: no container can say so.)
constexpr const char* kMadeByUs = "trusted.clusteros.made";
// Stays, since enabling controllers for it anew would cost each start some milliseconds.
constexpr std::string_view kOwnParent = "clusteros";
// A directory may be removed by the end of another container while we make one in it.
constexpr int kMostAttempts = 20;

bool make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) return true;
  if (errno != EEXIST) base::throw_errno("make cgroup", path);
  return false;
}

void make_cgroup(const std::string& mount, const std::vector<std::string>& parts) {
  std::string directory = mount;
  for (std::size_t i = 0; i < parts.size(); i++) {
    directory += "/" + parts[i];
    bool made = make_directory(directory);
    if (i + 1 == parts.size()) return;
    bool ours_for_good = i == 0 && parts[i] == kOwnParent;
    // Without the right to mark it, it stays when it is empty.
    if (made && !ours_for_good) setxattr(directory.c_str(), kMadeByUs, "1", 1, 0);
    enable_controllers(directory, kCounting);
  }
}

}  // namespace

void enable_controllers(const std::string& directory, const std::vector<std::string>& wanted) {
  auto words = [&](const char* file) {
    return base::split_words(base::read_file_if_exists(directory + "/" + file).value_or(""));
  };
  std::vector<std::string> available = words("cgroup.controllers");
  std::vector<std::string> enabled = words("cgroup.subtree_control");
  for (const std::string& name : wanted) {
    if (std::ranges::find(available, name) == available.end()) continue;
    if (std::ranges::find(enabled, name) != enabled.end()) continue;
    try {
      write_knob(directory, "cgroup.subtree_control", "+" + name);
    } catch (const base::Error&) {
      // EBUSY: processes live in the directory itself. The limits' error names the controller.
    }
  }
}

void enable_controllers_down_to(const std::string& path, const std::vector<std::string>& wanted) {
  std::string directory = cgroup_mount();
  if (directory.empty() || !path.starts_with(directory + "/")) return;
  std::vector<std::string> parts = base::split(path.substr(directory.size()), '/');
  std::erase(parts, "");
  for (const std::string& part : parts) {
    enable_controllers(directory, wanted);
    directory += "/" + part;
  }
}

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
  enable_controllers(mount, kCounting);
  std::vector<std::string> parts = base::split(path.substr(mount.size()), '/');
  std::erase(parts, "");
  for (int attempt = 1;; attempt++) {
    try {
      make_cgroup(mount, parts);
      return Cgroup(parts.empty() ? mount : mount + "/" + base::join(parts, "/"));
    } catch (const base::Error& error) {
      if (error.error_number() != ENOENT || attempt == kMostAttempts) throw;
    }
  }
}

bool Cgroup::exists() const {
  return !path_.empty() && base::exists(path_);
}

void Cgroup::give_to(std::uint32_t uid) const {
  constexpr auto kGroup = static_cast<gid_t>(-1);
  base::Fd directory = open();
  base::check(fchown(directory.get(), uid, kGroup), "give the cgroup to the container", path_);
  std::string names = base::read_file_if_exists("/sys/kernel/cgroup/delegate")
                          .value_or("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
  for (const std::string& name : base::split_words(names)) {
    // The kernel names files of controllers that are not enabled here, too.
    if (fchownat(directory.get(), name.c_str(), uid, kGroup, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT) {
      base::throw_errno("give the cgroup to the container", path_ + "/" + name);
    }
  }
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

void Cgroup::remove_made_parents() const {
  for (std::string directory = path_.substr(0, path_.rfind('/')); !directory.empty();
       directory.resize(directory.rfind('/'))) {
    if (getxattr(directory.c_str(), kMadeByUs, nullptr, 0) < 0) return;
    if (rmdir(directory.c_str()) < 0) return;  // EBUSY: somebody else's are in it
  }
}

bool Cgroup::is_frozen() const {
  return base::trim(read("cgroup.freeze").value_or("")) == "1";
}

void Cgroup::set_frozen(bool frozen, int milliseconds) const {
  base::Fd directory = open();
  base::Fd events = base::open_at(directory, "cgroup.events", O_RDONLY);
  base::write_knob_at(directory, "cgroup.freeze", frozen ? "1" : "0");
  std::string wanted = frozen ? "frozen 1" : "frozen 0";
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    base::check(lseek(events.get(), 0, SEEK_SET), "read", "cgroup.events");
    if (base::read_all(events).find(wanted) != std::string::npos) return;
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw base::Error(frozen ? "pause" : "resume", path_, "its processes did not follow");
    pollfd wait = {.fd = events.get(), .events = POLLPRI, .revents = 0};
    poll(&wait, 1, static_cast<int>(left.count()));
  }
}

}  // namespace runtime
