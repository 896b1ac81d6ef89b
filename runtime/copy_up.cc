#include "runtime/copy_up.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxAttributes = 65536;  // bytes, of names and of a value (XATTR_LIST_MAX, XATTR_SIZE_MAX)
constexpr std::size_t kCopyBytes = 1024 * 1024;

// Attributes that the new file system does not know are left out, as cp -a does.
void copy_attributes(const base::Fd& from, const base::Fd& to, const std::string& what) {
  std::string names(kMaxAttributes, '\0');
  ssize_t length = flistxattr(from.get(), names.data(), names.size());
  if (length <= 0) return;
  names.resize(static_cast<std::size_t>(length));
  for (const std::string& name : base::split(names, '\0')) {
    if (name.empty()) continue;
    std::string value(kMaxAttributes, '\0');
    ssize_t size = fgetxattr(from.get(), name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    if (fsetxattr(to.get(), name.c_str(), value.data(), static_cast<std::size_t>(size), 0) < 0 && errno != EOPNOTSUPP &&
        errno != EPERM) {
      base::throw_errno("copy an attribute to", what);
    }
  }
}

// Owner before mode: chown(2) clears set-user-id.
void copy_owner(const base::Fd& to, const struct stat& status, const std::string& what) {
  base::check(fchown(to.get(), status.st_uid, status.st_gid), "chown", what);
  base::check(fchmod(to.get(), status.st_mode & 07777), "chmod", what);
}

void copy_file(const base::Fd& from, const base::Fd& to, const std::string& name, const struct stat& status,
               const std::string& what) {
  base::Fd source = base::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  base::Fd target = base::open_at(to, name, O_CREAT | O_EXCL | O_WRONLY, 0600);
  for (;;) {
    ssize_t copied = base::check(sendfile(target.get(), source.get(), nullptr, kCopyBytes), "copy", what);
    if (copied == 0) break;
  }
  copy_owner(target, status, what);
  copy_attributes(source, target, what);
}

void copy_link(const base::Fd& from, const base::Fd& to, const std::string& name, const struct stat& status,
               const std::string& what) {
  std::string text(PATH_MAX, '\0');
  ssize_t length = base::check(readlinkat(from.get(), name.c_str(), text.data(), text.size()), "read link", what);
  text.resize(static_cast<std::size_t>(length));
  base::check(symlinkat(text.c_str(), to.get(), name.c_str()), "link", what);
  base::check(fchownat(to.get(), name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW), "chown", what);
}

// Both are open for reading.
void copy_directory(const base::Fd& from, const base::Fd& to, const std::string& what, int depth) {
  if (depth > kMaxDepth) throw base::Error("copy", what, "more than 100 directories deep");
  for (const std::string& name : base::list_directory_at(from)) {
    std::string path = what + "/" + name;
    struct stat status = {};
    base::check(fstatat(from.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat", path);
    if (S_ISDIR(status.st_mode)) {
      base::check(mkdirat(to.get(), name.c_str(), 0700), "make directory", path);
      base::Fd source = base::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      base::Fd target = base::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      copy_directory(source, target, path, depth + 1);
      copy_owner(target, status, path);
      copy_attributes(source, target, path);
    } else if (S_ISREG(status.st_mode)) {
      copy_file(from, to, name, status, path);
    } else if (S_ISLNK(status.st_mode)) {
      copy_link(from, to, name, status, path);
    } else {
      int made = mknodat(to.get(), name.c_str(), status.st_mode, status.st_rdev);
      // A device in a user namespace: nobody could open it there either.
      if (made < 0 && errno == EPERM && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))) continue;
      base::check(made, "make a node", path);
      base::check(fchownat(to.get(), name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW), "chown", path);
    }
  }
}

}  // namespace

void copy_tree(const base::Fd& from, const base::Fd& to, const std::string& what) {
  base::Fd source = base::open_at(from, ".", O_RDONLY | O_DIRECTORY);
  base::Fd target = base::open_at(to, ".", O_RDONLY | O_DIRECTORY);
  struct stat status = {};
  base::check(fstat(source.get(), &status), "stat", what);
  copy_directory(source, target, what, 0);
  copy_owner(target, status, what);
}

}  // namespace runtime
