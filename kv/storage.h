#pragma once
// The files of a log as it sees the disk: written at an offset, durable when sync() has returned, torn only between
// sectors. The real thing is file_storage.h; the simulator has one that loses and tears what was not synced.
//
// Errors throw base::Error, after which the file must not be used any more (a failed fsync tells nothing about what is
// on the disk); a full disk throws StorageFull, which leaves all as it was.

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kv {

// What was durable is not there as it was written: nothing may be served from what is left.
struct DamagedData : base::Error {
  using base::Error::Error;
};

struct StorageFull : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class StorageFile {
 public:
  virtual ~StorageFile() = default;

  virtual std::uint64_t size() const = 0;
  // Fewer bytes at the end of the file.
  virtual std::string read(std::uint64_t offset, std::size_t size) = 0;
  virtual void write(std::uint64_t offset, std::string_view data) = 0;
  // write() and sync() of these bytes at once; the file keeps its size (it was filled before).
  virtual void write_durably(std::uint64_t offset, std::string_view data) = 0;
  virtual void sync() = 0;
};

// One directory. Names have no slash. One thread.
class Storage {
 public:
  virtual ~Storage() = default;

  virtual std::vector<std::string> list() = 0;  // sorted
  virtual std::unique_ptr<StorageFile> open(const std::string& name) = 0;
  virtual std::unique_ptr<StorageFile> create(const std::string& name) = 0;  // empties one that is there
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& name) = 0;
  virtual void sync_directory() = 0;  // makes create, rename and remove durable
};

}  // namespace kv
