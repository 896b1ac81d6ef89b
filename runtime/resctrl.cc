#include "runtime/resctrl.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr const char* kMember = "linux.intelRdt";

// "0=7f0;1=1f" by domain.
std::map<std::string, std::uint64_t> shares_of(std::string_view text, int number_base) {
  std::map<std::string, std::uint64_t> shares;
  for (const std::string& part : base::split(text, ';')) {
    std::size_t equals = part.find('=');
    if (equals == std::string::npos) continue;
    std::string_view value = base::trim(std::string_view(part).substr(equals + 1));
    std::uint64_t number = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), number, number_base).ec != std::errc()) continue;
    shares[std::string(base::trim(std::string_view(part).substr(0, equals)))] = number;
  }
  return shares;
}

// What the kernel says beyond an errno.
std::string reason_of_kernel(const std::string& mount) {
  std::string text = base::read_file_if_exists(mount + "/info/last_cmd_status").value_or("");
  std::string_view reason = base::trim(text);
  return reason.empty() || reason == "ok" ? "" : " (" + std::string(reason) + ")";
}

void write_schemata(const std::string& mount, const std::string& directory, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    try {
      base::write_all(base::open_file(directory + "/schemata", O_WRONLY), line + "\n");
    } catch (const base::Error& error) {
      throw base::Error(kMember, line, error.what() + reason_of_kernel(mount));
    }
  }
}

void check_schemata(const std::string& directory, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  std::string there = base::read_file(directory + "/schemata");
  for (const std::string& line : lines) {
    if (!resctrl_has_schema(there, line)) throw base::Error(kMember, line, directory + " exists with other shares");
  }
}

bool make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) return true;
  if (errno != EEXIST) base::throw_errno("make the class of service", path);
  return false;
}

}  // namespace

std::string resctrl_mount_in(std::string_view mountinfo) {
  std::string found;
  for (const std::string& line : base::split(mountinfo, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    auto separator = std::ranges::find(words, "-");
    if (words.size() < 7 || separator == words.end() || separator + 1 == words.end()) continue;
    if (*(separator + 1) == "resctrl") found = words[4];
  }
  return found;
}

std::string resctrl_mount() {
  std::string mount = resctrl_mount_in(base::read_file("/proc/self/mountinfo"));
  if (mount.empty()) throw base::Error(kMember, "", "resctrl is not mounted on this machine");
  return mount;
}

std::vector<ResctrlGroup> make_resctrl_groups(const std::string& mount, const std::string& id, const IntelRdt& wanted) {
  std::vector<ResctrlGroup> groups;
  try {
    std::string directory = mount;
    if (wanted.class_id != "/") directory += "/" + (wanted.class_id.empty() ? id : wanted.class_id);
    bool given = !wanted.class_id.empty();
    if (given && wanted.schemata.empty() && !base::exists(directory)) {
      throw base::Error(kMember, "closID", directory + " does not exist, and no shares are given to make it with");
    }
    bool made = directory != mount && make_directory(directory);
    groups.push_back({.directory = directory, .made = made});
    if (made) {
      write_schemata(mount, directory, wanted.schemata);
    } else {
      check_schemata(directory, wanted.schemata);
    }
    if (wanted.monitoring) {
      std::string monitor = directory + "/mon_groups/" + id;
      groups.push_back({.directory = monitor, .made = make_directory(monitor)});
    }
    return groups;
  } catch (...) {
    remove_resctrl(groups);
    throw;
  }
}

void join_resctrl(const std::vector<ResctrlGroup>& groups, int pid) {
  for (const ResctrlGroup& group : groups) {
    base::write_all(base::open_file(group.directory + "/tasks", O_WRONLY), std::to_string(pid) + "\n");
  }
}

void remove_resctrl(const std::vector<ResctrlGroup>& groups) {
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    if (!group->made || rmdir(group->directory.c_str()) == 0 || errno == ENOENT) continue;
    base::throw_errno("remove the class of service", group->directory);
  }
}

bool resctrl_has_schema(std::string_view schemata, std::string_view wanted) {
  std::size_t colon = wanted.find(':');
  std::string_view resource = base::trim(wanted.substr(0, colon));
  int number_base = resource == "MB" ? 10 : 16;
  for (const std::string& line : base::split(schemata, '\n')) {
    std::size_t end = line.find(':');
    if (end == std::string::npos || base::trim(std::string_view(line).substr(0, end)) != resource) continue;
    std::map<std::string, std::uint64_t> there = shares_of(std::string_view(line).substr(end + 1), number_base);
    std::map<std::string, std::uint64_t> asked = shares_of(wanted.substr(colon + 1), number_base);
    return !asked.empty() && std::ranges::all_of(asked, [&](const auto& share) {
      auto found = there.find(share.first);
      return found != there.end() && found->second == share.second;
    });
  }
  return false;
}

}  // namespace runtime
