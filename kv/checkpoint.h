#pragma once
// The store's state in an SQLite database (docs/formats/kv-store.md): nodes, history and the position in the log,
// always of the same moment, since they change in one transaction. It lags behind the state in memory; the log has the
// rest.

#include <memory>
#include <span>
#include <string>

#include "base/sqlite.h"
#include "kv/engine.h"
#include "kv/store.h"
#include "kv/wal.h"

namespace kv {

struct CheckpointFacts;

// One thread at a time.
class Checkpoint {
 public:
  // Opens or creates; a file of version 2 becomes one of version 3. Throws base::Error for a file of another kind,
  // version or member.
  Checkpoint(const std::string& path, const WalIdentity& member);

  // Throws base::Error for a damaged one.
  StoreImage load();
  // Where in the engine's log the state is; index 0 for a fresh checkpoint.
  RaftBase base();

  // Applies changes one after the other; durable when it returns. False when the disk is full: nothing was written.
  // Other errors throw base::Error. `base` is where the last position is in the log. REQUIRES: not empty.
  bool save(std::span<const StoreChanges> changes, const RaftBase& base);
  // Of 4 KiB: a save that needs more finds the disk full.
  void limit_pages(std::int64_t pages);
  // Puts another state into the place of this one. Throws base::Error, also when the disk is full.
  void replace(const StoreImage& image, const RaftBase& base);

 private:
  void write(const StoreChanges& changes, CheckpointFacts& facts);
  void write(const Position& position, const RaftBase& base, CheckpointFacts& facts);

  base::Database database_;
  WalIdentity member_;
};

// The checkpoint as it is now, piece by piece, while it goes on changing: a read transaction of its own. Null when it
// holds nothing yet. Throws base::Error, the reader too: damage goes no further.
std::unique_ptr<SnapshotReader> read_checkpoint(const std::string& path);

}  // namespace kv
