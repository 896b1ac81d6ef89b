#pragma once
// Storage in a directory of the file system.

#include "base/fd.h"
#include "kv/storage.h"

namespace kv {

class FileStorage : public Storage {
 public:
  // Makes the directory when it is missing, durably.
  explicit FileStorage(const std::string& path);

  std::vector<std::string> list() override;
  std::unique_ptr<StorageFile> open(const std::string& name) override;
  std::unique_ptr<StorageFile> create(const std::string& name) override;
  // Made by a thread of its own.
  std::unique_ptr<ZeroedFile> create_zeroed(const std::string& name, std::uint64_t size, std::uint64_t step) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& name) override;
  void sync_directory() override;

 private:
  std::string path_;
  base::Fd directory_;
};

// The same directory for one who only looks, whatever is asked for: to remove something has no effect (a log tidies up
// when it is opened), everything else that changes throws base::Error. Throws base::Error when the directory is
// missing.
class ReadOnlyStorage : public Storage {
 public:
  explicit ReadOnlyStorage(const std::string& path);

  std::vector<std::string> list() override;
  std::unique_ptr<StorageFile> open(const std::string& name) override;
  std::unique_ptr<StorageFile> create(const std::string& name) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string&) override {}
  void sync_directory() override {}

 private:
  std::string path_;
  base::Fd directory_;
};

}  // namespace kv
