#include "runtime/protect_binary.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/id_range.h"
#include "runtime/mount_api.h"

extern char** environ;

namespace runtime {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

bool cannot_be_written_at_all() {
  struct statvfs file_system = {};
  base::check(statvfs(kSelf, &file_system), "stat", kSelf);
  if (file_system.f_flag & ST_RDONLY) return true;
  struct statx file = {};
  base::check(statx(AT_FDCWD, kSelf, 0, STATX_TYPE, &file), "stat", kSelf);
  return (file.stx_attributes & STATX_ATTR_VERITY) != 0;
}

bool is_beyond_reach_of(std::span<const IdMapping> users) {
  struct stat file = {};
  base::check(stat(kSelf, &file), "stat", kSelf);
  return is_beyond_reach(file, users);
}

}  // namespace

bool is_beyond_reach(const struct stat& file, std::span<const IdMapping> users) {
  if (users.empty() || (file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return false;
  return std::ranges::none_of(users, [&](const IdMapping& line) {
    return file.st_uid >= line.outside && file.st_uid - line.outside < line.count;
  });
}

std::vector<IdMapping> id_map_from_text(std::string_view text) {
  std::vector<IdMapping> result;
  for (const std::string& line : base::split(text, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() != 3) continue;
    auto number = [&](std::size_t index) {
      return static_cast<std::uint32_t>(base::parse_unsigned(words[index]).value_or(0));
    };
    result.push_back({.inside = number(0), .outside = number(1), .count = number(2)});
  }
  return result;
}

void protect_binary() {
  if (cannot_be_written_at_all()) return;
  base::Fd tree = clone_tree(kSelf, false);
  change_attributes(tree, MOUNT_ATTR_RDONLY, 0, false, kSelf);

  std::string command_line = base::read_file("/proc/self/cmdline");
  if (command_line.ends_with('\0')) command_line.pop_back();
  std::vector<std::string> words = base::split(command_line, '\0');
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  syscall(SYS_execveat, tree.get(), "", arguments.data(), environ, AT_EMPTY_PATH);
  base::throw_errno("run from a read-only mount");
}

void protect_binary_from(const ContainerSpec& spec) {
  // What a namespace that is joined maps is not in the specification.
  if (spec.namespaces.user && spec.namespaces.user_path.empty() && is_beyond_reach_of(spec.uid_map)) return;
  protect_binary();
}

void protect_binary_from_ranges() {
  constexpr IdMapping kRanges{.inside = 0, .outside = kFirstId, .count = kLastId - kFirstId + 1};
  if (!is_beyond_reach_of({&kRanges, 1})) protect_binary();
}

void protect_binary_from(int pid) {
  std::optional<std::string> map = base::read_file_if_exists("/proc/" + std::to_string(pid) + "/uid_map");
  if (map && is_beyond_reach_of(id_map_from_text(*map))) return;
  protect_binary();
}

}  // namespace runtime
