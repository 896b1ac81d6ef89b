#include "base/file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <format>
#include <memory>

#include "base/error.h"

namespace base {
namespace {

const Fd& cwd() {
  static const Fd directory = Fd(AT_FDCWD);  // negative: never closed
  return directory;
}

std::string read_opened(const Fd& file, const std::string& name, std::uint64_t limit) {
  try {
    return read_all(file, limit);
  } catch (const Error& error) {
    if (error.error_number() != 0) throw Error("read", name, error.error_number());
    throw Error("read", name, error.what());
  }
}

std::string read_named(const Fd& directory, const std::string& name, std::uint64_t limit) {
  return read_opened(open_at(directory, name, O_RDONLY), name, limit);
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string leaf_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string temporary_prefix(const std::string& name) {
  return "." + name.substr(0, 128) + ".";
}
constexpr std::string_view kTemporarySuffix = ".tmp";

// Unique among the live writers of a directory: the process and a counter.
std::string temporary_name(const std::string& name) {
  static std::atomic<unsigned> counter{0};
  return std::format("{}{}-{}{}", temporary_prefix(name), ::getpid(), counter++, kTemporarySuffix);
}

// A file of this name is what a killed process left that had our number.
Fd make_temporary(const Fd& directory, const std::string& name, mode_t mode) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(::openat(directory.get(), name.c_str(), kFlags, mode));
  if (file || errno != EEXIST) return Fd(check(file.release(), "open", name));
  ::unlinkat(directory.get(), name.c_str(), 0);
  return open_at(directory, name, kFlags, mode);
}

constexpr int kMaxTreeDepth = 512;  // deeper trees are refused instead of overflowing the stack

void remove_tree(const Fd& parent, const std::string& name, int depth) {
  if (depth > kMaxTreeDepth) throw Error("remove", name, "directory tree is too deep");
  if (::unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throw_errno("remove", name);
  {
    const Fd directory = open_directory_at(parent, name);
    for (const auto& entry : list_directory_at(directory, ".", SIZE_MAX)) remove_tree(directory, entry, depth + 1);
  }
  if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) throw_errno("remove", name);
}

}  // namespace

std::string read_file(const std::string& path, std::uint64_t limit) {
  return read_named(cwd(), path, limit);
}

std::string read_file_at(const Fd& directory, const std::string& name, std::uint64_t limit) {
  return read_named(directory, name, limit);
}

std::optional<std::string> read_file_if_exists(const std::string& path, std::uint64_t limit) {
  return read_file_at_if_exists(cwd(), path, limit);
}

std::optional<std::string> read_file_at_if_exists(const Fd& directory, const std::string& name, std::uint64_t limit) {
  // Without an exception: many ask for files that are rarely there, and a throw costs more than all the rest.
  const Fd file(::openat(directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) throw_errno("open", name);
  return read_opened(file, name, limit);
}

std::string read_all(const Fd& fd, std::uint64_t limit) {
  std::string data;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    check(count, "read");
    if (count == 0) return data;
    if (data.size() + static_cast<std::size_t>(count) > limit) {
      throw Error("read", "", std::format("more than {} bytes", limit));
    }
    data.append(buffer, static_cast<std::size_t>(count));
  }
}

void write_all(const Fd& fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd.get(), data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    check(count, "write");
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

void write_file_atomic(const std::string& path, std::string_view data, mode_t mode) {
  const Fd directory = open_directory(parent_of(path));
  try {
    write_file_atomic_at(directory, leaf_of(path), data, mode);
  } catch (const Error& error) {
    if (error.error_number() == 0) throw;
    throw Error("write", path, error.error_number());
  }
}

void write_file_atomic_at(const Fd& directory, const std::string& name, std::string_view data, mode_t mode) {
  const std::string temporary = temporary_name(name);
  try {
    const Fd file = make_temporary(directory, temporary, mode);
    check(::fchmod(file.get(), mode), "chmod", name);  // the umask does not apply
    write_all(file, data);
    check(::fsync(file.get()), "fsync", name);
    check(::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()), "rename to", name);
  } catch (const Error&) {
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    throw;
  }
  check(::fsync(directory.get()), "fsync directory of", name);
}

void remove_temporary_files_at(const Fd& directory, const std::string& name) {
  for (const std::string& entry : list_directory_at(directory)) {
    if (entry.starts_with(temporary_prefix(name)) && entry.ends_with(kTemporarySuffix))
      remove_file_at(directory, entry);
  }
}

void write_knob_at(const Fd& directory, const std::string& name, std::string_view value) {
  const Fd file = open_at(directory, name, O_WRONLY);
  const ssize_t count = ::write(file.get(), value.data(), value.size());
  if (count != static_cast<ssize_t>(value.size())) {
    throw Error(std::format("write '{}' to", value), name, count < 0 ? errno : EIO);
  }
}

void make_directories(const std::string& path, mode_t mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) throw_errno("make directory", part);
    if (end == std::string::npos) return;
  }
}

// Also those that were there: an earlier process may have made them and ended before its sync. A directory above that
// this process may not open was made by others.
void make_directories_durably(const std::string& path, mode_t mode) {
  make_directories(path, mode);
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  std::filesystem::path above;
  for (const std::filesystem::path& part : whole) {
    const int fd = above.empty() ? -1 : ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const Fd directory(fd);
    // A file system that is read-only has nothing to sync, and some say so (EINVAL: erofs).
    if (directory && ::fsync(directory.get()) != 0 && errno != EINVAL && errno != EROFS) {
      throw_errno("fsync", above.native());
    }
    above /= part;
  }
}

void make_directory_at(const Fd& parent, const std::string& name, mode_t mode) {
  if (::mkdirat(parent.get(), name.c_str(), mode) != 0 && errno != EEXIST) throw_errno("make directory", name);
}

bool exists(const std::string& path) {
  return exists_at(cwd(), path);
}

bool exists_at(const Fd& directory, const std::string& name) {
  return ::faccessat(directory.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::vector<std::string> list_directory(const std::string& path, std::size_t limit) {
  return list_directory_at(cwd(), path, limit);
}

std::vector<std::string> list_directory_at(const Fd& directory, const std::string& name, std::size_t limit) {
  Fd fd = open_at(directory, name, O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) throw_errno("list", name);
  fd.release();  // closedir closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view entry_name = entry->d_name;
    if (entry_name == "." || entry_name == "..") continue;
    if (names.size() >= limit) throw Error("list", name, std::format("more than {} entries", limit));
    names.emplace_back(entry_name);
  }
  if (errno != 0) throw_errno("list", name);
  std::ranges::sort(names);
  return names;
}

void remove_tree_at(const Fd& parent, const std::string& name) {
  remove_tree(parent, name, 0);
}

bool remove_file(const std::string& path) {
  return remove_file_at(cwd(), path);
}

bool remove_file_at(const Fd& directory, const std::string& name) {
  if (::unlinkat(directory.get(), name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw_errno("remove", name);
}

}  // namespace base
