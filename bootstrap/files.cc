#include "bootstrap/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

namespace bootstrap {
namespace {

std::optional<struct stat> stat_at(const base::Fd& directory, const std::string& name) {
  struct stat info{};
  if (fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return info;
  if (errno == ENOENT) return std::nullopt;
  base::throw_errno("stat", name);
}

// One step of the walk: into `name` of `directory`, which is `walked` from the root. Not valid: it is not there.
base::Fd step(const base::Fd& root, const base::Fd& directory, const std::string& name, const std::string& walked,
              bool create) {
  auto info = stat_at(directory, name);
  if (!info) {
    if (!create) return {};
    if (mkdirat(directory.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
      base::throw_errno("make directory", walked);
    info = stat_at(directory, name);
  }
  if (info && S_ISLNK(info->st_mode)) {
    if (info->st_uid != 0 && info->st_uid != geteuid())
      throw base::Error("open", walked, "a symbolic link that is not root's");
    return base::open_in_root(root, walked, O_RDONLY | O_DIRECTORY);
  }
  return base::open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

void sync_directory(const base::Fd& directory) {
  base::check(fsync(directory.get()), "fsync", "directory");
}

}  // namespace

Parent open_parent(const base::Fd& root, const std::string& path, bool create) {
  std::vector<std::string> parts;
  for (auto& part : base::split(path, '/'))
    if (!part.empty()) parts.push_back(std::move(part));
  if (parts.empty()) throw base::Error("open", path, "not the path of a file");
  Parent parent{base::open_directory_at(root, "."), parts.back()};
  std::string walked;
  for (std::size_t i = 0; i + 1 < parts.size() && parent.directory.valid(); i++) {
    if (parts[i] == "." || parts[i] == "..") throw base::Error("open", path, "not a normal path");
    walked += "/" + parts[i];
    parent.directory = step(root, parent.directory, parts[i], walked, create);
  }
  return parent;
}

std::optional<FileState> read_state_at(const base::Fd& directory, const std::string& name) {
  const auto info = stat_at(directory, name);
  if (!info || !S_ISREG(info->st_mode)) return std::nullopt;
  const base::Fd fd = base::open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat opened{};
  base::check(fstat(fd.get(), &opened), "stat", name);
  if (!S_ISREG(opened.st_mode)) return std::nullopt;
  return FileState{base::read_all(fd, kMaxReadFile), {opened.st_mode & 07777, opened.st_uid, opened.st_gid}};
}

std::optional<FileState> read_state(const base::Fd& root, const std::string& path) {
  const Parent parent = open_parent(root, path, false);
  if (!parent.directory.valid()) return std::nullopt;
  return read_state_at(parent.directory, parent.name);
}

bool put_file_at(const base::Fd& directory, const std::string& name, std::string_view content,
                 const FileAttributes& attributes) {
  const auto info = stat_at(directory, name);
  if (info && S_ISDIR(info->st_mode)) throw base::Error("write", name, EISDIR);
  if (info && S_ISREG(info->st_mode) && static_cast<std::size_t>(info->st_size) == content.size()) {
    const auto state = read_state_at(directory, name);
    if (state && state->attributes == attributes && state->content == content) return false;
  }
  const std::string temporary = ".bootstrap-" + base::system_random().hex_string(8);
  try {
    const base::Fd fd = base::open_at(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    base::write_all(fd, content);
    base::check(fchown(fd.get(), attributes.uid, attributes.gid), "change owner of", name);
    base::check(fchmod(fd.get(), attributes.mode), "change mode of", name);
    base::check(fsync(fd.get()), "fsync", name);
    base::check(renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()), "rename to", name);
  } catch (...) {
    unlinkat(directory.get(), temporary.c_str(), 0);
    throw;
  }
  sync_directory(directory);
  return true;
}

bool put_file(const base::Fd& root, const std::string& path, std::string_view content,
              const FileAttributes& attributes) {
  const Parent parent = open_parent(root, path, true);
  return put_file_at(parent.directory, parent.name, content, attributes);
}

bool put_link(const base::Fd& root, const std::string& path, const std::string& target) {
  if (read_link(root, path) == target) return false;
  const Parent parent = open_parent(root, path, true);
  const std::string temporary = ".bootstrap-" + base::system_random().hex_string(8);
  base::check(symlinkat(target.c_str(), parent.directory.get(), temporary.c_str()), "make link", path);
  if (renameat(parent.directory.get(), temporary.c_str(), parent.directory.get(), parent.name.c_str()) != 0) {
    const int error = errno;
    unlinkat(parent.directory.get(), temporary.c_str(), 0);
    throw base::Error("make link", path, error);
  }
  sync_directory(parent.directory);
  return true;
}

std::optional<std::string> read_link(const base::Fd& root, const std::string& path) {
  const Parent parent = open_parent(root, path, false);
  if (!parent.directory.valid()) return std::nullopt;
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(parent.directory.get(), parent.name.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  target.resize(static_cast<std::size_t>(size));
  return target;
}

bool remove_path(const base::Fd& root, const std::string& path) {
  const Parent parent = open_parent(root, path, false);
  if (!parent.directory.valid() || !base::remove_file_at(parent.directory, parent.name)) return false;
  sync_directory(parent.directory);
  return true;
}

std::string merge_environment(std::string_view text, const std::vector<std::pair<std::string, std::string>>& values) {
  std::vector<bool> written(values.size());
  std::string merged;
  auto lines = base::split(text, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const auto& line : lines) {
    const auto key = base::trim(std::string_view(line).substr(0, line.find('=')));
    const auto found = std::ranges::find(values, key, &std::pair<std::string, std::string>::first);
    if (found == values.end()) {
      merged += line + "\n";
      continue;
    }
    const auto index = static_cast<std::size_t>(found - values.begin());
    if (!written[index]) merged += found->first + "=" + found->second + "\n";
    written[index] = true;
  }
  for (std::size_t i = 0; i < values.size(); i++)
    if (!written[i]) merged += values[i].first + "=" + values[i].second + "\n";
  return merged;
}

}  // namespace bootstrap
