#pragma once
// SQLite (sqlite.org/c3ref) with errors as base::Error and statements that finalise themselves. One thread an object. A
// full disk is ENOSPC, as it is of any other file.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace base {

class Database;

// The file is damaged, or none of SQLite's (SQLITE_CORRUPT, SQLITE_NOTADB).
struct DamagedDatabase : Error {
  using Error::Error;
};

// A prepared statement. Bind from 1, columns from 0, as SQLite counts. step() is true while there is a row.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) = delete;

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view value);  // text
  Statement& bind_blob(int index, std::string_view value);
  Statement& bind_null(int index);
  bool step();
  void run();    // for statements without rows: step, then reset
  void reset();  // also clears the bindings

  std::int64_t integer(int column) const;
  std::string text(int column) const;  // text or blob
  bool is_null(int column) const;

 private:
  Database* database_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  // Opens or creates. WAL mode; `full_sync`: a commit is on the disk when it returns (synchronous=FULL).
  Database(const std::string& path, bool full_sync);
  // The bytes of a whole file (in rollback mode, not in WAL mode), only to be read. `name` is for errors; `image` must
  // outlive it.
  Database(std::span<std::byte> image, std::string name);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const std::string& sql);
  sqlite3* handle() { return database_; }
  // SQLite's result code of the last step or execute() that failed, 0: none has. SQLite itself forgets it as soon as
  // another statement is finalised.
  int last_failure() const { return last_failure_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sqlite3* database_ = nullptr;
  int last_failure_ = 0;

  friend class Statement;
};

// BEGIN IMMEDIATE … COMMIT; rolls back unless commit() was called.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool done_ = false;
};

}  // namespace base
