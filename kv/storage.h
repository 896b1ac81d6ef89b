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

// A file of zeros in the making. One thread, whose calls may throw what went wrong on the way (StorageFull: of the file
// nothing is needed any more).
class ZeroedFile {
 public:
  virtual ~ZeroedFile() = default;

  // Goes on with it for a short while at most. True: all of it is durable.
  virtual bool advance() = 0;
  // The whole file, durable. Waits for that. REQUIRES: once.
  virtual std::unique_ptr<StorageFile> take() = 0;
};

// One directory. Names have no slash. One thread.
class Storage {
 public:
  virtual ~Storage() = default;

  virtual std::vector<std::string> list() = 0;  // sorted
  virtual std::unique_ptr<StorageFile> open(const std::string& name) = 0;
  virtual std::unique_ptr<StorageFile> create(const std::string& name) = 0;  // empties one that is there
  // A file of `size` zeros, which takes the place of one that is there; each advance() makes `step` bytes of it. A disk
  // may go on by itself, beside the caller's thread.
  virtual std::unique_ptr<ZeroedFile> create_zeroed(const std::string& name, std::uint64_t size, std::uint64_t step);
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& name) = 0;
  virtual void sync_directory() = 0;  // makes create, rename and remove durable
};

}  // namespace kv
