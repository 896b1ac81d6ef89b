#include "recorder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>

namespace power {

Recorder* recorder = nullptr;

namespace {

std::string path_of(int fd) {
  char path[4096];
  const ssize_t size = ::readlink(std::format("/proc/self/fd/{}", fd).c_str(), path, sizeof path);
  return size < 0 ? std::string() : std::string(path, static_cast<std::size_t>(size));
}

std::string absolute(int directory, const char* path) {
  if (*path == '/') return path;
  char here[4096];
  const std::string base = directory == AT_FDCWD ? ::getcwd(here, sizeof here) : path_of(directory);
  return base + "/" + path;
}

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Part part_of(std::string_view path) {
  if (path.ends_with("/spare") || path.ends_with("/wal")) return Part::kSegment;
  if (path.ends_with(".wal")) return Part::kLog;
  if (path.ends_with("/store.db-wal")) return Part::kStoreWal;
  if (path.ends_with("/store.db")) return Part::kStoreFile;
  return Part::kOther;
}

}  // namespace

Recorder::Recorder(UndoLog& log, std::string root, std::string kept)
    : log_(log), root_(std::move(root)), kept_(std::move(kept)) {
  log_.each([this](const Record& record) {
    if (record.change == Change::kData) dirty_.insert(record.file);
    if (record.change == Change::kSynced) dirty_.erase(record.file);
  });
}

// SQLite makes its -shm file anew after a crash, whatever it holds.
bool Recorder::ours(std::string_view path) const {
  return path.starts_with(root_ + "/") && !path.ends_with("-shm");
}

bool Recorder::lies(Part part) const {
  switch (part) {
    case Part::kLog:
    case Part::kSegment:
      return log_.lies().log;
    case Part::kStoreWal:
    case Part::kStoreFile:
      return log_.lies().store;
    case Part::kNames:
      return log_.lies().names;
    case Part::kOther:
      break;
  }
  return false;
}

Recorder::File Recorder::file_of(int fd) const {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::string path = path_of(fd);
  return {ours(path), part_of(path), status.st_ino, static_cast<std::uint64_t>(status.st_size)};
}

// --- when the power goes

void Recorder::before(Part part) {
  const CutPlan& plan = log_.plan();
  ++log_.steps(part);
  const std::uint64_t step = plan.any_part ? log_.all_steps() : log_.steps(part).load();
  cut_in_this_step_ = plan.step != 0 && step == plan.step && (plan.any_part || part == plan.part);
  at(Moment::kBefore);
}

void Recorder::at(Moment moment) {
  if (!cut_in_this_step_ || log_.plan().moment != moment) return;
  log_.cut_by_plan() = true;
  ::kill(::getpid(), SIGKILL);
}

// --- data

void Recorder::record_change(int fd, const File& file, std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t begin = offset / kSector * kSector;
  const std::uint64_t end = std::min((offset + size + kSector - 1) / kSector * kSector, file.size);
  std::string old(end > begin ? end - begin : 0, '\0');
  if (!old.empty()) {
    const std::string own = std::format("/proc/self/fd/{}", fd);  // `fd` may be for writing alone
    const int reader = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, own.c_str(), O_RDONLY | O_CLOEXEC));
    (void)!::pread(reader, old.data(), old.size(), static_cast<off_t>(begin));
    ::close(reader);
  }
  log_.add({Change::kData, file.inode, offset, size, file.size, old});
}

ssize_t Recorder::write(int fd, std::int64_t offset, std::size_t size, bool durably, const Call& call) {
  std::lock_guard lock(mutex_);
  const File file = file_of(fd);
  if (!file.ours || size == 0) return call();
  before(file.part);
  const std::uint64_t at_byte =
      offset >= 0 ? static_cast<std::uint64_t>(offset) : static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR));
  const std::uint64_t mark = log_.mark();
  record_change(fd, file, at_byte, size);
  const ssize_t result = call();
  at(Moment::kAmidst);
  if (!durably || lies(file.part) || result < 0) {
    dirty_.insert(file.inode);
  } else if (dirty_.contains(file.inode)) {
    log_.add({Change::kSyncedRange, file.inode, at_byte, size});
  } else {
    log_.drop_from(mark);
  }
  at(Moment::kAfter);
  return result;
}

ssize_t Recorder::truncate(int fd, std::uint64_t size, const Call& call) {
  std::lock_guard lock(mutex_);
  const File file = file_of(fd);
  if (!file.ours) return call();
  before(file.part);
  record_change(fd, file, std::min(size, file.size), file.size - std::min(size, file.size));
  dirty_.insert(file.inode);
  const ssize_t result = call();
  at(Moment::kAmidst);
  at(Moment::kAfter);
  return result;
}

ssize_t Recorder::sync(int fd, const Call& call) {
  std::lock_guard lock(mutex_);
  struct stat status{};
  if (::fstat(fd, &status) != 0) return call();
  const std::string path = path_of(fd);
  if (!ours(path + "/")) return call();
  const bool directory = S_ISDIR(status.st_mode);
  before(directory && part_of(path) != Part::kSegment ? Part::kNames : part_of(path));
  at(Moment::kAmidst);
  if (directory) {
    if (!lies(Part::kNames)) record_names(Change::kNamesSynced, {path});
  } else if (!lies(part_of(path)) && dirty_.erase(status.st_ino) > 0) {
    log_.add({Change::kSynced, status.st_ino});
  }
  at(Moment::kAfter);
  return 0;
}

// --- names. What was done and not recorded yet when the process ends counts as done for good: that may be.

void Recorder::record_names(Change change, std::initializer_list<std::string_view> names) {
  std::string text;
  for (std::string_view name : names) text.append(name).append(1, '\0');
  log_.add({.change = change, .text = text});
}

std::string Recorder::keep(const std::string& path) {
  std::string kept = std::format("{}/{}-{}", kept_, ::getpid(), ++last_kept_);
  return ::link(path.c_str(), kept.c_str()) == 0 ? kept : std::string();
}

ssize_t Recorder::open(int directory, const char* path, int flags, const Call& call) {
  std::lock_guard lock(mutex_);
  const std::string full = absolute(directory, path);
  if (!ours(full)) return call();
  struct stat status{};
  const bool exists = ::fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && ((flags & O_TRUNC) == 0 || !S_ISREG(status.st_mode))) return call();
  before(part_of(full));
  if (exists) {
    const int fd = static_cast<int>(::syscall(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    record_change(fd, {true, part_of(full), status.st_ino, size}, 0, size);
    dirty_.insert(status.st_ino);
    ::close(fd);
  }
  const ssize_t result = call();
  if (!exists && result >= 0) record_names(Change::kCreated, {directory_of(full), name_of(full)});
  at(Moment::kAmidst);
  at(Moment::kAfter);
  return result;
}

ssize_t Recorder::rename(int from_directory, const char* from, int to_directory, const char* to, const Call& call) {
  std::lock_guard lock(mutex_);
  const std::string old_path = absolute(from_directory, from);
  const std::string new_path = absolute(to_directory, to);
  if (!ours(old_path)) return call();
  before(part_of(old_path));
  const std::string kept = keep(new_path);
  const ssize_t result = call();
  if (result == 0) record_names(Change::kRenamed, {directory_of(old_path), name_of(old_path), name_of(new_path), kept});
  at(Moment::kAmidst);
  at(Moment::kAfter);
  return result;
}

ssize_t Recorder::remove(int directory, const char* path, const Call& call) {
  std::lock_guard lock(mutex_);
  const std::string full = absolute(directory, path);
  if (!ours(full)) return call();
  const std::string kept = keep(full);
  if (kept.empty()) return call();
  before(part_of(directory_of(full)) == Part::kSegment ? Part::kSegment : part_of(full));
  const ssize_t result = call();
  if (result == 0) record_names(Change::kRemoved, {directory_of(full), name_of(full), kept});
  at(Moment::kAmidst);
  at(Moment::kAfter);
  return result;
}

ssize_t Recorder::make_directory(int directory, const char* path, const Call& call) {
  std::lock_guard lock(mutex_);
  const std::string full = absolute(directory, path);
  if (!ours(full)) return call();
  before(Part::kNames);
  const ssize_t result = call();
  if (result == 0) record_names(Change::kMadeDirectory, {directory_of(full), name_of(full)});
  at(Moment::kAmidst);
  at(Moment::kAfter);
  return result;
}

}  // namespace power
