#pragma once
// The write-ahead log of one member: its hard state and its entries, in segments that are filled with zeros before they
// are used, so that a write costs one flush and no metadata (docs/formats/kv-wal.md, decision 0012).
//
// A write is durable when the call has returned. After an exception other than StorageFull the object must not be used
// any more: the process ends and the next start reads what the disk really has. One thread at a time.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "kv/storage.h"
#include "kv/wal_format.h"

namespace kv {

struct WalIdentity {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;

  bool operator==(const WalIdentity&) const = default;
};

struct WalLimits {
  std::uint64_t first_segment = 256 * 1024;  // bytes; each next one is four times as large
  std::uint64_t largest_segment = 64 * 1024 * 1024;
  std::uint64_t fill_step = 1024 * 1024;  // the next segment is prepared in such pieces
};

class Wal {
 public:
  // True when the storage has a log.
  static bool exists(Storage& storage);
  // Whose log it is, as far as a segment's header can be read: for a log that is damaged.
  static std::optional<WalIdentity> identity_in(Storage& storage);
  // A log that begins with `content`, all of it or, when the process ends on the way, nothing. REQUIRES: !exists().
  static void create(Storage& storage, const WalIdentity& identity, base::Random& random, WalLimits limits = {},
                     const LogContent& content = {});

  // Reads the log, cuts a torn tail, and makes durable what was read: a process that was killed may have left what it
  // had not synced. Throws DamagedData with file and offset for damage anywhere else.
  // `storage` and `random` must outlive it.
  Wal(Storage& storage, base::Random& random, WalLimits limits = {});
  ~Wal();

  const WalIdentity& identity() const { return identity_; }
  // What was read; once.
  LogContent take_content() { return std::move(content_); }

  void save_state(const HardState& state);
  // Entries at or above the first one's index are void from here on. REQUIRES: not empty, without a gap.
  void append(const std::vector<RaftEntry>& entries);
  // All entries are void; the next one is `index` + 1.
  void reset(std::uint64_t index);
  // Entries up to `index` are in a checkpoint: removes the segments that hold nothing else.
  void forget(std::uint64_t index);

  // Bytes of all segments.
  std::uint64_t size() const;

  // Every frame of every segment, for people: one line for each thing that is wrong, none for a good log. Changes
  // nothing.
  static std::vector<std::string> check(Storage& storage);

 private:
  struct Segment {
    std::string name;
    SegmentHeader header;
    std::uint64_t first_after = 0;  // entries of later segments begin at or above this one
  };

  void load();
  void read_segment(const Segment& segment, std::string_view bytes, bool last);
  void take_frame(const Frame& frame, const std::string& where);
  void write(FrameKind kind, std::uint64_t index, std::string_view payload);
  void next_segment(std::uint64_t needed);
  void begin_spare(std::uint64_t size);
  void drop_spare();
  void prepare_next();

  Storage& storage_;
  base::Random& random_;
  WalLimits limits_;
  WalIdentity identity_;
  LogContent content_;
  HardState state_;
  std::uint64_t next_index_ = 1;

  std::vector<Segment> segments_;  // the last one is written to
  std::unique_ptr<StorageFile> file_;
  std::uint64_t offset_ = 0;
  FrameChain chain_;

  std::unique_ptr<ZeroedFile> spare_;  // the next segment, being filled
  std::uint64_t spare_size_ = 0;
  bool spare_ready_ = false;
  std::uint64_t prepare_from_ = 0;  // an offset in the segment: then the spare is seen to
};

}  // namespace kv
