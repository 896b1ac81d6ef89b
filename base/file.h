#pragma once
// Whole files: read, write atomically, list, remove. A name given with a directory fd is relative to it.
// All throw Error unless stated.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace base {

inline constexpr std::uint64_t kMaxFileSize = 16 * 1024 * 1024;  // bytes; the default bound of read_file

// The whole file. Throws when it is larger than `limit` bytes.
std::string read_file(const std::string& path, std::uint64_t limit = kMaxFileSize);
std::string read_file_at(const Fd& directory, const std::string& name, std::uint64_t limit = kMaxFileSize);

// The same, or nothing when there is no such file (ENOENT, ENOTDIR).
std::optional<std::string> read_file_if_exists(const std::string& path, std::uint64_t limit = kMaxFileSize);
std::optional<std::string> read_file_at_if_exists(const Fd& directory, const std::string& name,
                                                  std::uint64_t limit = kMaxFileSize);

// Everything until end of file. Throws when more than `limit` bytes come.
std::string read_all(const Fd& fd, std::uint64_t limit = kMaxFileSize);

// Writes all of `data`, also over short writes and EINTR.
void write_all(const Fd& fd, std::string_view data);

// Replaces the file by one with this content: temporary file, fsync, rename, fsync of the directory. A reader sees
// the old or the new content, never a part, also after a power cut.
void write_file_atomic(const std::string& path, std::string_view data, mode_t mode = 0644);
void write_file_atomic_at(const Fd& directory, const std::string& name, std::string_view data, mode_t mode = 0644);

// What write_file_atomic() of this name has left where its process was killed. The caller keeps other writers of the
// name away.
void remove_temporary_files_at(const Fd& directory, const std::string& name);

// Writes to an existing file that is no regular one (procfs, cgroupfs, sysfs): one write(2), no create, no truncate.
void write_knob_at(const Fd& directory, const std::string& name, std::string_view value);

// mkdir -p; existing directories are fine.
void make_directories(const std::string& path, mode_t mode = 0755);
// The same, durable: the directories that they are in are synced, as far as this process may open them.
void make_directories_durably(const std::string& path, mode_t mode = 0755);
void make_directory_at(const Fd& parent, const std::string& name, mode_t mode = 0755);

bool exists(const std::string& path);
bool exists_at(const Fd& directory, const std::string& name);

// Names in the directory, sorted, without "." and "..". Throws when there are more than `limit`.
std::vector<std::string> list_directory(const std::string& path, std::size_t limit = 100000);
std::vector<std::string> list_directory_at(const Fd& directory, const std::string& name = ".",
                                           std::size_t limit = 100000);

// rm -rf of `name` below `parent`, never following a symbolic link. No error when it is not there.
void remove_tree_at(const Fd& parent, const std::string& name);

// unlink; false when it was not there.
bool remove_file(const std::string& path);
bool remove_file_at(const Fd& directory, const std::string& name);

}  // namespace base
