#include "kv/sqlite_log.h"

#include <cassert>

#include "base/error.h"
#include "kv/sqlite_file.h"

namespace kv {

namespace {
constexpr std::int64_t kApplicationId = 0x434f4c47;  // "COLG"
constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema =
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE entries(idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, command BLOB NOT NULL);";
}  // namespace

SqliteLog::SqliteLog(const std::string& path) : database_(path, true) {
  prepare_file(database_, kApplicationId, kVersion, kSchema);
  state_.cluster_id = read_fact(database_, "cluster_id");
  state_.member_id = read_fact(database_, "member_id");
  state_.term = read_fact(database_, "term");
  first_index_ = read_fact(database_, "forgotten_to") + 1;
  base::Statement last(database_, "SELECT max(idx), min(idx), count(*) FROM entries");
  last.step();
  last_index_ = last.is_null(0) ? first_index_ - 1 : static_cast<std::uint64_t>(last.integer(0));
  std::uint64_t count = static_cast<std::uint64_t>(last.integer(2));
  bool begins_well = count == 0 || static_cast<std::uint64_t>(last.integer(1)) == first_index_;
  if (!begins_well || count != last_index_ + 1 - first_index_) {
    throw base::Error("open", path, "entries are missing from the log");
  }
}

void SqliteLog::save_state(const LogState& state) {
  base::Transaction transaction(database_);
  write_fact(database_, "cluster_id", state.cluster_id);
  write_fact(database_, "member_id", state.member_id);
  write_fact(database_, "term", state.term);
  transaction.commit();
  state_ = state;
}

void SqliteLog::read(std::uint64_t from, const std::function<void(const LogEntry&)>& each) {
  base::Statement rows(database_, "SELECT idx, term, command FROM entries WHERE idx >= ? ORDER BY idx");
  rows.bind(1, static_cast<std::int64_t>(from));
  while (rows.step()) {
    each({static_cast<std::uint64_t>(rows.integer(0)), static_cast<std::uint64_t>(rows.integer(1)), rows.text(2)});
  }
}

void SqliteLog::append(std::span<const LogEntry> entries, std::uint64_t forget_to) {
  base::Transaction transaction(database_);
  try {
    write(entries, forget_to);
    transaction.commit();
  } catch (const base::Error& error) {
    if (disk_is_full(database_)) throw LogFull(error.what());
    throw;
  }
  first_index_ = std::max(first_index_, forget_to + 1);
  if (!entries.empty()) last_index_ = entries.back().index;
}

void SqliteLog::write(std::span<const LogEntry> entries, std::uint64_t forget_to) {
  base::Statement insert(database_, "INSERT INTO entries(idx, term, command) VALUES(?, ?, ?)");
  std::uint64_t expected = last_index_ + 1;
  for (const LogEntry& entry : entries) {
    assert(entry.index == expected);
    ++expected;
    insert.bind(1, static_cast<std::int64_t>(entry.index)).bind(2, static_cast<std::int64_t>(entry.term));
    insert.bind_blob(3, entry.command).run();
  }
  if (forget_to < first_index_) return;
  assert(forget_to < expected);
  base::Statement forget(database_, "DELETE FROM entries WHERE idx <= ?");
  forget.bind(1, static_cast<std::int64_t>(forget_to)).run();
  write_fact(database_, "forgotten_to", forget_to);
}

}  // namespace kv
