#include "base/fd.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"

namespace base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  // close(2) releases the descriptor even when it fails with EINTR or EIO; errors that matter show in fsync.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Fd Fd::duplicate() const {
  return Fd(check(::fcntl(fd_, F_DUPFD_CLOEXEC, 0), "duplicate file descriptor"));
}

Fd open_file(const std::string& path, int flags, mode_t mode) {
  return Fd(check(::open(path.c_str(), flags | O_CLOEXEC, mode), "open", path));
}

Fd open_at(const Fd& directory, const std::string& name, int flags, mode_t mode) {
  return Fd(check(::openat(directory.get(), name.c_str(), flags | O_CLOEXEC, mode), "open", name));
}

Fd open_directory(const std::string& path) {
  return open_file(path, O_RDONLY | O_DIRECTORY);
}

Fd open_directory_at(const Fd& parent, const std::string& name) {
  return open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Fd open_in_root(const Fd& root, const std::string& path, int flags, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  // O_TMPFILE has the bit of O_DIRECTORY in it, and openat2 refuses a mode where nothing is made.
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how));
  return Fd(static_cast<int>(check(fd, "open", path)));
}

Pipe make_pipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace base
