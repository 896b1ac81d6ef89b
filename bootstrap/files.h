#pragma once
// Files below a root directory ("/", or a test's): every path is walked with *at() calls, and a symbolic link on the
// way is followed only when root made it, since homes and other users' directories may be on the way. Errors: Error.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace bootstrap {

inline constexpr std::uint64_t kMaxReadFile = 64 * 1024 * 1024;  // bytes

struct FileAttributes {
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  friend bool operator==(const FileAttributes&, const FileAttributes&) = default;
};

// The directory of `path` and the name in it. Missing directories are made with 0755 when `create`, else the
// descriptor is not valid when one is missing.
struct Parent {
  base::Fd directory;
  std::string name;
};
Parent open_parent(const base::Fd& root, const std::string& path, bool create);

// A regular file's content and attributes; nothing when there is none. The last part is never followed as a link.
struct FileState {
  std::string content;
  FileAttributes attributes;
};
std::optional<FileState> read_state_at(const base::Fd& directory, const std::string& name);
std::optional<FileState> read_state(const base::Fd& root, const std::string& path);

// Makes the file exactly that: a temporary file in its directory, fchown, fchmod, fsync, rename, fsync of the
// directory. False when it was so already. A directory in its place is an error, a link is replaced.
bool put_file_at(const base::Fd& directory, const std::string& name, std::string_view content,
                 const FileAttributes& attributes);
bool put_file(const base::Fd& root, const std::string& path, std::string_view content,
              const FileAttributes& attributes);

// Makes a symbolic link, in place of a file or link; false when it was so already.
bool put_link(const base::Fd& root, const std::string& path, const std::string& target);
// The target of a symbolic link; nothing when there is none.
std::optional<std::string> read_link(const base::Fd& root, const std::string& path);
// False when there was nothing.
bool remove_path(const base::Fd& root, const std::string& path);

// The text of a file of KEY=VALUE lines in which these keys have these values; other lines stay as they are.
std::string merge_environment(std::string_view text, const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace bootstrap
