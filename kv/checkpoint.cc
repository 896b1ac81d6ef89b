#include "kv/checkpoint.h"

#include "base/error.h"
#include "kv/sqlite_file.h"

namespace kv {

namespace {
constexpr std::int64_t kApplicationId = 0x434f5354;  // "COST"
constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema =
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE nodes(path BLOB PRIMARY KEY, value BLOB, created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " expires INTEGER NOT NULL);"
    "CREATE TABLE events(idx INTEGER PRIMARY KEY, event BLOB NOT NULL);";

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
}  // namespace

Checkpoint::Checkpoint(const std::string& path) : database_(path, true) {
  prepare_file(database_, kApplicationId, kVersion, kSchema);
}

StoreImage Checkpoint::load() {
  StoreImage image;
  image.position.revision = read_fact(database_, "revision");
  image.position.applied_index = read_fact(database_, "applied_index");
  image.position.applied_term = read_fact(database_, "applied_term");
  base::Statement nodes(database_, "SELECT path, value, created, modified, expires FROM nodes ORDER BY path");
  while (nodes.step()) {
    image.nodes.push_back({nodes.text(0), nodes.text(1), nodes.is_null(1), as_unsigned(nodes.integer(2)),
                           as_unsigned(nodes.integer(3)), nodes.integer(4)});
  }
  base::Statement events(database_, "SELECT event FROM events ORDER BY idx");
  while (events.step()) image.events.push_back(decode_event(events.text(0)));
  return image;
}

bool Checkpoint::save(const StoreChanges& changes) {
  base::Transaction transaction(database_);
  try {
    write(changes);
    transaction.commit();
  } catch (const base::Error&) {
    if (disk_is_full(database_)) return false;
    throw;
  }
  return true;
}

void Checkpoint::write(const StoreChanges& changes) {
  base::Statement remove(database_, "DELETE FROM nodes WHERE path=?");
  for (const std::string& path : changes.removed) remove.bind_blob(1, path).run();
  base::Statement put(database_,
                      "INSERT OR REPLACE INTO nodes(path, value, created, modified, expires) VALUES(?, ?, ?, ?, ?)");
  for (const NodeRow& row : changes.nodes) {
    put.bind_blob(1, row.path);
    if (row.directory) {
      put.bind_null(2);
    } else {
      put.bind_blob(2, row.value);
    }
    put.bind(3, as_signed(row.created_index)).bind(4, as_signed(row.modified_index)).bind(5, row.expires_at).run();
  }
  base::Statement add(database_, "INSERT OR REPLACE INTO events(idx, event) VALUES(?, ?)");
  for (const EventPtr& event : changes.events) add.bind(1, as_signed(event->index)).bind_blob(2, encode(*event)).run();
  base::Statement forget(database_, "DELETE FROM events WHERE idx < ?");
  forget.bind(1, as_signed(changes.first_event)).run();
  write_fact(database_, "revision", changes.position.revision);
  write_fact(database_, "applied_index", changes.position.applied_index);
  write_fact(database_, "applied_term", changes.position.applied_term);
}

}  // namespace kv
