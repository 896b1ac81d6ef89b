#pragma once
// Stands between the daemon and the kernel: syscalls.cc has functions with the names of the C library's that change
// files, and they come here. Files get their data at once, as in a machine whose page cache is on; what a power cut may
// take back goes to the undo log, and a sync only ends that.
//
// Any thread; one step at a time.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "undo_log.h"

namespace power {

class Recorder {
 public:
  // Changes below `root` are recorded. `log` must outlive it. Files that are removed are kept in `kept`, outside of
  // `root` and on the same file system, until the test removes them.
  Recorder(UndoLog& log, std::string root, std::string kept);

  using Call = std::function<ssize_t()>;  // the system call itself: -1 and errno

  ssize_t open(int directory, const char* path, int flags, const Call& call);
  // `size` bytes at `offset`, or at the end of the descriptor's file position where it is negative.
  ssize_t write(int fd, std::int64_t offset, std::size_t size, bool durably, const Call& call);
  ssize_t truncate(int fd, std::uint64_t size, const Call& call);
  ssize_t sync(int fd, const Call& call);
  ssize_t rename(int from_directory, const char* from, int to_directory, const char* to, const Call& call);
  ssize_t remove(int directory, const char* path, const Call& call);
  ssize_t make_directory(int directory, const char* path, const Call& call);

 private:
  struct File {
    bool ours = false;
    Part part = Part::kOther;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
  };

  bool ours(std::string_view path) const;
  bool lies(Part part) const;
  File file_of(int fd) const;
  void record_change(int fd, const File& file, std::uint64_t offset, std::uint64_t size);
  void record_names(Change change, std::initializer_list<std::string_view> names);
  std::string keep(const std::string& path);  // "" when there is no such file
  void before(Part part);
  void at(Moment moment);

  UndoLog& log_;
  std::string root_;
  std::string kept_;
  std::mutex mutex_;
  std::set<std::uint64_t> dirty_;  // inodes with records since their last sync
  std::uint64_t last_kept_ = 0;
  bool cut_in_this_step_ = false;
};

// What syscalls.cc uses; null: nothing is recorded.
extern Recorder* recorder;

}  // namespace power
