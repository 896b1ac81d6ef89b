// The functions of the C library that change files, under their names: a program's own definitions come before the
// shared library's, also for what SQLite calls. Each asks the kernel itself; where a recorder is set, through it.
// Functions that nobody calls here are not among them; SQLite's mmap of its -shm file needs none.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>

#include "recorder.h"

namespace {

using power::Recorder;
using power::recorder;

int open_file(int directory, const char* path, int flags, mode_t mode) {
  const Recorder::Call call = [&] { return ::syscall(SYS_openat, directory, path, flags, mode); };
  const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
  return static_cast<int>(recorder != nullptr && changes ? recorder->open(directory, path, flags, call) : call());
}

ssize_t write_at(int fd, off_t offset, const void* data, std::size_t size) {
  const Recorder::Call call = [&] { return ::syscall(SYS_pwrite64, fd, data, size, offset); };
  return recorder != nullptr ? recorder->write(fd, offset, size, false, call) : call();
}

int set_size(int fd, off_t size) {
  const Recorder::Call call = [&] { return ::syscall(SYS_ftruncate, fd, size); };
  return static_cast<int>(recorder != nullptr ? recorder->truncate(fd, static_cast<std::uint64_t>(size), call)
                                              : call());
}

// Nothing to be done by the kernel: a machine that goes on loses nothing.
int sync_file(int fd, long number) {
  const Recorder::Call call = [&] { return ::syscall(number, fd); };
  return static_cast<int>(recorder != nullptr ? recorder->sync(fd, call) : call());
}

int remove_name(int directory, const char* path, int flags) {
  const Recorder::Call call = [&] { return ::syscall(SYS_unlinkat, directory, path, flags); };
  return static_cast<int>(recorder != nullptr ? recorder->remove(directory, path, call) : call());
}

int rename_name(int from_directory, const char* from, int to_directory, const char* to) {
  const Recorder::Call call = [&] { return ::syscall(SYS_renameat2, from_directory, from, to_directory, to, 0); };
  return static_cast<int>(recorder != nullptr ? recorder->rename(from_directory, from, to_directory, to, call)
                                              : call());
}

int make_directory(int directory, const char* path, mode_t mode) {
  const Recorder::Call call = [&] { return ::syscall(SYS_mkdirat, directory, path, mode); };
  return static_cast<int>(recorder != nullptr ? recorder->make_directory(directory, path, call) : call());
}

mode_t mode_argument(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming, cert-dcl50-cpp)
extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_file(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_file(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_file(directory, path, flags, mode);
}

ssize_t write(int fd, const void* data, std::size_t size) {
  const Recorder::Call call = [&] { return ::syscall(SYS_write, fd, data, size); };
  return recorder != nullptr ? recorder->write(fd, -1, size, false, call) : call();
}
ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  return write_at(fd, offset, data, size);
}
ssize_t pwrite64(int fd, const void* data, std::size_t size, off64_t offset) {
  return write_at(fd, offset, data, size);
}
ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  const Recorder::Call call = [&] { return ::syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags); };
  if (recorder == nullptr) return call();
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return recorder->write(fd, offset, size, (flags & (RWF_DSYNC | RWF_SYNC)) != 0, call);
}
int ftruncate(int fd, off_t size) noexcept {
  return set_size(fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  return set_size(fd, size);
}
int fsync(int fd) {
  return sync_file(fd, SYS_fsync);
}
int fdatasync(int fd) {
  return sync_file(fd, SYS_fdatasync);
}

int unlink(const char* path) noexcept {
  return remove_name(AT_FDCWD, path, 0);
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  return remove_name(directory, path, flags);
}
int rename(const char* from, const char* to) noexcept {
  return rename_name(AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return rename_name(from_directory, from, to_directory, to);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return make_directory(AT_FDCWD, path, mode);
}
int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return make_directory(directory, path, mode);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming, cert-dcl50-cpp)
