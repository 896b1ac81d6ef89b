#pragma once
// The store's state in an SQLite database (docs/formats/kv-store.md): nodes, history and the position in the log,
// always of the same moment, since they change in one transaction. It lags behind the state in memory; the log has the
// rest.

#include <string>

#include "base/sqlite.h"
#include "kv/store.h"

namespace kv {

// One thread at a time.
class Checkpoint {
 public:
  // Opens or creates. Throws base::Error for a file of another kind or a newer format.
  explicit Checkpoint(const std::string& path);

  StoreImage load();

  // Durable when it returns. False when the disk is full: nothing was written. Other errors throw base::Error.
  bool save(const StoreChanges& changes);

 private:
  void write(const StoreChanges& changes);

  base::Database database_;
};

}  // namespace kv
