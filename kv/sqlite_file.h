#pragma once
// What a database file of the store has besides its rows: a mark of what it is, and numbers by name.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/sqlite.h"

namespace kv {

// SQLite's application_id and user_version tell what a file is. A fresh file gets them, `schema` and what `fill` puts
// into it, at once; a file of another kind or with another version is refused with base::Error.
void prepare_file(base::Database& database, std::int64_t application_id, std::int64_t version,
                  const std::string& schema, const std::function<void()>& fill);

// The version of a file of this kind, 0 for a fresh one. Throws base::Error for one of another kind.
std::int64_t file_version(base::Database& database, std::int64_t application_id);

// Rows of the table `facts(name TEXT PRIMARY KEY, value INTEGER)`. Numbers above 2^63 are kept as their signed twins.
std::uint64_t read_fact(base::Database& database, std::string_view name);  // 0 when there is none
void write_fact(base::Database& database, std::string_view name, std::uint64_t value);

// True when the last failure of this database was a full disk.
bool disk_is_full(base::Database& database);

}  // namespace kv
