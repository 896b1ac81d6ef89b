#include "kv/sqlite_file.h"

#include <sqlite3.h>

#include <format>

#include "base/error.h"

namespace kv {

namespace {

std::int64_t pragma(base::Database& database, const std::string& name) {
  base::Statement statement(database, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

}  // namespace

std::int64_t file_version(base::Database& database, std::int64_t application_id) {
  const std::int64_t found = pragma(database, "application_id");
  if (found == application_id) return pragma(database, "user_version");
  if (found == 0 && pragma(database, "schema_version") == 0) return 0;
  throw base::Error("open", database.path(), "it is not a file of the store");
}

void prepare_file(base::Database& database, std::int64_t application_id, std::int64_t version,
                  const std::string& schema, const std::function<void()>& fill) {
  const std::int64_t found = file_version(database, application_id);
  if (found == version) return;
  if (found != 0) {
    throw base::Error("open", database.path(),
                      std::format("its format is version {}, this program reads version {}", found, version));
  }
  base::Transaction transaction(database);
  database.execute(schema);
  database.execute(std::format("PRAGMA application_id={}; PRAGMA user_version={}", application_id, version));
  fill();
  transaction.commit();
}

std::uint64_t read_fact(base::Database& database, std::string_view name) {
  base::Statement statement(database, "SELECT value FROM facts WHERE name=?");
  statement.bind(1, name);
  return statement.step() ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
}

void write_fact(base::Database& database, std::string_view name, std::uint64_t value) {
  base::Statement statement(database, "INSERT OR REPLACE INTO facts(name, value) VALUES(?, ?)");
  statement.bind(1, name).bind(2, static_cast<std::int64_t>(value)).run();
}

bool disk_is_full(base::Database& database) {
  return (database.last_failure() & 0xff) == SQLITE_FULL;
}

}  // namespace kv
