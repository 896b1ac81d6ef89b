#pragma once
// A file descriptor that closes itself, and the calls that make one. Every descriptor is made with O_CLOEXEC.

#include <fcntl.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

namespace base {

// Owns a file descriptor; -1 means none. Movable, not copyable.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  int release() { return std::exchange(fd_, -1); }
  void reset();

  // A second descriptor of the same open file.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

// open(2) and openat(2) with O_CLOEXEC added. Throw Error.
Fd open_file(const std::string& path, int flags, mode_t mode = 0644);
Fd open_at(const Fd& directory, const std::string& name, int flags, mode_t mode = 0644);

// A directory for use in *at() calls (O_PATH would not do for fsync and getdents). Throws Error.
Fd open_directory(const std::string& path);
Fd open_directory_at(const Fd& parent, const std::string& name);

// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` cannot lead out of `root`. Throws Error.
Fd open_in_root(const Fd& root, const std::string& path, int flags, mode_t mode = 0644);

struct Pipe {
  Fd read;
  Fd write;
};
Pipe make_pipe();

}  // namespace base
