#include "base/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "base/error.h"

namespace base {
namespace {

// `code`: the primary one. `system_error`: sqlite3_system_errno(), which says why when `code` is SQLITE_IOERR.
[[noreturn]] void fail_with(int code, int system_error, std::string_view operation, const std::string& object,
                            const std::string& reason) {
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) throw DamagedDatabase(operation, object, reason);
  if (code == SQLITE_FULL) throw Error(operation, object, ENOSPC);
  if (code == SQLITE_IOERR && system_error != 0) throw Error(operation, object, system_error);
  throw Error(operation, object, reason);
}

[[noreturn]] void fail(sqlite3* database, std::string_view operation, const std::string& object) {
  if (database == nullptr) throw Error(operation, object, ENOMEM);
  fail_with(sqlite3_errcode(database) & 0xff, sqlite3_system_errno(database), operation, object,
            sqlite3_errmsg(database));
}

}  // namespace

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  if (sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr) !=
      SQLITE_OK) {
    fail(database.handle(), "prepare SQL for", database.path());
  }
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int index, std::int64_t value) {
  if (sqlite3_bind_int64(statement_, index, value) != SQLITE_OK) fail(database_->handle(), "bind", database_->path());
  return *this;
}

Statement& Statement::bind(int index, std::string_view value) {
  const int result = sqlite3_bind_text64(statement_, index, value.data() == nullptr ? "" : value.data(), value.size(),
                                         SQLITE_TRANSIENT, SQLITE_UTF8);
  if (result != SQLITE_OK) fail(database_->handle(), "bind", database_->path());
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view value) {
  const int result = sqlite3_bind_blob64(statement_, index, value.data() == nullptr ? "" : value.data(), value.size(),
                                         SQLITE_TRANSIENT);
  if (result != SQLITE_OK) fail(database_->handle(), "bind", database_->path());
  return *this;
}

Statement& Statement::bind_null(int index) {
  if (sqlite3_bind_null(statement_, index) != SQLITE_OK) fail(database_->handle(), "bind", database_->path());
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  database_->last_failure_ = result;
  // The reset below forgets both.
  const std::string reason = sqlite3_errmsg(database_->handle());
  const int system_error = sqlite3_system_errno(database_->handle());
  sqlite3_reset(statement_);
  fail_with(result & 0xff, system_error, "use", database_->path(), reason);
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::string& path, bool full_sync) : path_(path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
    const std::string reason = database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_);
    sqlite3_close(database_);
    throw Error("open", path, reason);
  }
  try {
    sqlite3_busy_timeout(database_, 10'000);  // ms, when another process holds the lock
    execute("PRAGMA journal_mode=WAL");
    execute(full_sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    execute("PRAGMA foreign_keys=ON");
    execute("PRAGMA trusted_schema=OFF");
  } catch (...) {
    sqlite3_close(database_);
    throw;
  }
}

Database::Database(std::span<std::byte> image, std::string name) : path_(std::move(name)) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const auto size = static_cast<sqlite3_int64>(image.size());
  if (sqlite3_open_v2(":memory:", &database_, flags, nullptr) != SQLITE_OK ||
      sqlite3_deserialize(database_, "main", reinterpret_cast<unsigned char*>(image.data()), size, size,
                          SQLITE_DESERIALIZE_READONLY) != SQLITE_OK) {
    const std::string reason = database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_);
    sqlite3_close(database_);
    throw Error("open", path_, reason);
  }
  try {
    execute("PRAGMA trusted_schema=OFF");
    execute("PRAGMA cell_size_check=ON");
  } catch (...) {
    sqlite3_close(database_);
    throw;
  }
}

Database::~Database() {
  sqlite3_close(database_);
}

void Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result == SQLITE_OK) return;
  last_failure_ = result;
  fail(database_, "use", path_);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A commit that failed (disk full) may have rolled back by itself.
  if (!done_ && sqlite3_get_autocommit(database_.handle()) == 0) {
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  done_ = true;
}

}  // namespace base
