#include "kv/file_storage.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace kv {

namespace {

class File : public StorageFile {
 public:
  File(base::Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  std::uint64_t size() const override {
    struct stat status{};
    base::check(::fstat(fd_.get(), &status), "stat", name_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::string read(std::uint64_t offset, std::size_t size) override {
    std::string data(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      ssize_t count = ::pread(fd_.get(), data.data() + done, size - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      base::check(static_cast<int>(count < 0 ? -1 : 0), "read", name_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    data.resize(done);
    return data;
  }

  void write(std::uint64_t offset, std::string_view data) override { write_with(offset, data, 0); }
  void write_durably(std::uint64_t offset, std::string_view data) override { write_with(offset, data, RWF_DSYNC); }
  void sync() override { base::check(::fdatasync(fd_.get()), "fsync", name_); }

 private:
  void write_with(std::uint64_t offset, std::string_view data, int flags) {
    while (!data.empty()) {
      iovec part{const_cast<char*>(data.data()), data.size()};
      ssize_t count = ::pwritev2(fd_.get(), &part, 1, static_cast<off_t>(offset), flags);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) throw StorageFull(name_ + ": the disk is full");
      if (count < 0) base::throw_errno("write", name_);
      offset += static_cast<std::uint64_t>(count);
      data.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  base::Fd fd_;
  std::string name_;
};

// Each piece takes some milliseconds of the disk: the log's writes, which are short, need not stand behind it.
class ZerosBeside : public ZeroedFile {
 public:
  explicit ZerosBeside(std::unique_ptr<ZeroedFile> work)
      : thread_([this, work = std::move(work)](const std::stop_token& stop) { run(*work, stop); }) {}

  bool advance() override {
    if (!file_ && whole_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) file_ = whole_.get();
    return file_ != nullptr;
  }

  std::unique_ptr<StorageFile> take() override { return file_ ? std::move(file_) : whole_.get(); }

 private:
  void run(ZeroedFile& work, const std::stop_token& stop) {
    try {
      while (!stop.stop_requested()) {
        if (work.advance()) return promise_.set_value(work.take());
      }
    } catch (...) {
      promise_.set_exception(std::current_exception());
    }
  }

  std::promise<std::unique_ptr<StorageFile>> promise_;
  std::future<std::unique_ptr<StorageFile>> whole_ = promise_.get_future();
  std::unique_ptr<StorageFile> file_;
  std::jthread thread_;
};

}  // namespace

FileStorage::FileStorage(const std::string& path) : path_(path) {
  base::make_directories_durably(path, 0700);
  directory_ = base::open_directory(path);
}

std::vector<std::string> FileStorage::list() {
  return base::list_directory_at(directory_);
}

std::unique_ptr<StorageFile> FileStorage::open(const std::string& name) {
  return std::make_unique<File>(base::open_at(directory_, name, O_RDWR | O_NOFOLLOW), path_ + "/" + name);
}

std::unique_ptr<StorageFile> FileStorage::create(const std::string& name) {
  int fd = ::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == ENOSPC || errno == EDQUOT)) throw StorageFull(path_ + "/" + name + ": the disk is full");
  base::check(fd, "create", path_ + "/" + name);
  return std::make_unique<File>(base::Fd(fd), path_ + "/" + name);
}

std::unique_ptr<ZeroedFile> FileStorage::create_zeroed(const std::string& name, std::uint64_t size,
                                                       std::uint64_t step) {
  return std::make_unique<ZerosBeside>(Storage::create_zeroed(name, size, step));
}

void FileStorage::rename(const std::string& from, const std::string& to) {
  base::check(::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()), "rename", path_ + "/" + from);
}

void FileStorage::remove(const std::string& name) {
  base::remove_file_at(directory_, name);
}

void FileStorage::sync_directory() {
  base::check(::fsync(directory_.get()), "fsync", path_);
}

ReadOnlyStorage::ReadOnlyStorage(const std::string& path) : path_(path), directory_(base::open_directory(path)) {}

std::vector<std::string> ReadOnlyStorage::list() {
  return base::list_directory_at(directory_);
}

std::unique_ptr<StorageFile> ReadOnlyStorage::open(const std::string& name) {
  return std::make_unique<File>(base::open_at(directory_, name, O_RDONLY | O_NOFOLLOW), path_ + "/" + name);
}

std::unique_ptr<StorageFile> ReadOnlyStorage::create(const std::string& name) {
  throw base::Error("create", path_ + "/" + name, "it is open only to be read");
}

void ReadOnlyStorage::rename(const std::string& from, const std::string&) {
  throw base::Error("rename", path_ + "/" + from, "it is open only to be read");
}

}  // namespace kv
