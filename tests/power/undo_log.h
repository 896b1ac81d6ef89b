#pragma once
// What a power cut may take back: every change of a file or a directory that has not been synced, with what was there
// before. Kept in memory that the test shares with the daemon's process, so that it outlives a SIGKILL; power_cut.h
// reads it.
//
// Append only. A record counts once `used` covers it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace power {

inline constexpr std::size_t kSector = 512;  // bytes; the disk writes one wholly or not at all

// What a step of the disk belongs to.
enum class Part : std::uint32_t {
  kLog,        // frames of the write-ahead log
  kSegment,    // its next segment being filled and taken, old ones removed
  kStoreWal,   // store.db-wal: checkpoints and snapshots on their way into the database
  kStoreFile,  // store.db itself: SQLite moves what is in store.db-wal there
  kNames,      // directories made and synced
  kOther,
};
inline constexpr std::size_t kParts = 6;
std::string_view part_name(Part part);

// When the process is to end: at the `step`th step of the part, before it, while it is under way or after it.
enum class Moment : std::uint32_t { kBefore, kAmidst, kAfter };
struct CutPlan {
  std::uint64_t step = 0;  // 1: the first one; 0: not by itself
  bool any_part = true;
  Part part = Part::kLog;
  Moment moment = Moment::kBefore;
};

// A sync that does nothing, to see that the test finds it.
struct Lies {
  bool log = false;    // fsync and O_DSYNC of the write-ahead log
  bool store = false;  // of the database
  bool names = false;  // fsync of directories
};

enum class Change : std::uint32_t {
  kData,           // file, offset, size, old_size; text: what the sectors held
  kSynced,         // file
  kSyncedRange,    // file, offset, size
  kCreated,        // names: directory, name
  kRemoved,        // names: directory, name, where it is kept
  kRenamed,        // names: directory, from, to, where the one that it replaced is kept or ""
  kMadeDirectory,  // names: directory, name
  kNamesSynced,    // names: directory
};

struct Record {
  Change change = Change::kData;
  std::uint64_t file = 0;  // inode
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t old_size = 0;
  std::string_view text = {};  // data, or names with a NUL behind each

  std::vector<std::string> names() const;
};

class UndoLog {
 public:
  // Shared with every process that is forked from here on. `capacity` in bytes; memory is used as it is filled.
  explicit UndoLog(std::size_t capacity);
  ~UndoLog();
  UndoLog(const UndoLog&) = delete;
  UndoLog& operator=(const UndoLog&) = delete;

  // For the next life of the process. `keep_records`: the process ended and the power did not.
  void begin(const CutPlan& plan, const Lies& lies, bool keep_records);
  const CutPlan& plan() const { return shared_->plan; }
  const Lies& lies() const { return shared_->lies; }

  // One writer at a time. Ends the process with a line on standard error when it is full.
  void add(const Record& record);
  std::uint64_t mark() const { return shared_->used; }
  void drop_from(std::uint64_t mark) { shared_->used = mark; }

  // When no process writes any more. The records' texts stay valid until begin().
  void each(const std::function<void(const Record&)>& take) const;

  // Steps so far, and where the plan ended the process.
  std::atomic<std::uint64_t>& steps(Part part) { return shared_->steps[static_cast<std::size_t>(part)]; }
  std::uint64_t all_steps() const;
  std::atomic<bool>& cut_by_plan() { return shared_->cut_by_plan; }

 private:
  struct Shared {
    std::atomic<std::uint64_t> used;  // bytes behind this header
    CutPlan plan;
    Lies lies;
    std::atomic<std::uint64_t> steps[kParts];
    std::atomic<bool> cut_by_plan;
  };
  char* records() const { return reinterpret_cast<char*>(shared_) + sizeof(Shared); }

  std::size_t capacity_;
  Shared* shared_;
};

}  // namespace power
