#pragma once
// An SQLite database that nobody has open, as bytes: as it would be once its write-ahead log was taken in, without a
// change to either file. For checks, since SQLite itself writes when it opens a database of this mode.
// https://sqlite.org/fileformat2.html, sections 1.3 and 4.

#include <string>
#include <vector>

namespace kv {

struct SqliteImage {
  std::string bytes;                       // in rollback mode; empty: nothing was ever written
  std::vector<std::string> problems = {};  // of the write-ahead log, one line each, with its name
};

// Reads `path` and, if it is there, `path`-wal, whole, 64 GiB each at most. Throws base::Error.
SqliteImage read_sqlite_image(const std::string& path);

}  // namespace kv
